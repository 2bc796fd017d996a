// The messages of ONNX. Heavy: for the files that read or write them only.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_MODELS_ONNX_PROTO_H_
#define TRIPTYCH_MODELS_ONNX_PROTO_H_

#ifndef ONNX_ML
#define ONNX_ML 1  // what distributions build
#endif
#include <onnx/onnx-data_pb.h>
#include <onnx/onnx_pb.h>

#endif  // TRIPTYCH_MODELS_ONNX_PROTO_H_
