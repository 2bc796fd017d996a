// SCALE-Sim's topology files: a network as a list of layers, comma separated.
//
// Two forms, told apart by the header line. Convolutions, by position (names
// of the first eight columns are free, as in that tool):
//   name, ifmap height, ifmap width, filter height, filter width, channels,
//   filters, stride
// and products, of which C[m,n] = A[m,k] * B[k,n]:
//   name, M, N, K
// Lines may end in a comma. An input is as high and wide as it is read: with
// the padding that a network has. Our own files say in further columns, found
// by name, what that form cannot:
//   padding  pixels added on each side of the input (0)
//   groups   of channels and filters that do not mix (1); channels and filters
//            count all groups
//   kind     conv; conv+add: the result is added to a tensor of its size;
//            matmul: the second operand is no weight but made by a layer
//            before; pool: a window without filters (conv)
// Lines that begin with # are comments.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_MODELS_FORMATS_SCALESIM_TOPOLOGY_H_
#define TRIPTYCH_MODELS_FORMATS_SCALESIM_TOPOLOGY_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/base/result.h"

namespace triptych {

enum class LayerKind : uint8_t { kConv, kConvAdd, kMatmul, kPool };

// Counts are 1 to 1e6; padding 0 to 1e6. A product is a 1 x 1 convolution of
// an input m high and one wide.
struct TopologyLayer {
  std::string name;
  int line = 0;  // of the file
  int64_t ifmap_height = 1, ifmap_width = 1;
  int64_t filter_height = 1, filter_width = 1;
  int64_t channels = 1, filters = 1;
  int64_t stride = 1, padding = 0, groups = 1;
  LayerKind kind = LayerKind::kConv;

  int64_t out_height() const;
  int64_t out_width() const;
  // As the product of one group: C[m,n] = A[m,k] * B[k,n].
  int64_t m() const { return out_height() * out_width(); }
  int64_t n() const { return filters / groups; }
  int64_t k() const { return filter_height * filter_width * channels / groups; }
  // Elements of the input without padding, of the output, of the filters (of
  // the second operand of a matmul; 0 for a pool).
  int64_t input() const { return ifmap_height * ifmap_width * channels; }
  int64_t output() const { return m() * filters; }
  int64_t weights() const {
    return kind == LayerKind::kPool ? 0 : k() * filters;
  }
  // Of all groups; 0 for a pool.
  double macs() const;
};

// Errors are kInvalid: "path:line: column: what is wrong; allowed ...": a line
// with too few or too many fields, what is no whole number in its range, a
// filter larger than its input, groups that do not divide channels or
// filters, more than 1e18 multiply-adds, an unknown column or kind, no layer.
Result<std::vector<TopologyLayer>> ParseTopology(std::string_view text,
                                                 std::string_view path);
// kNotFound if the file cannot be read.
Result<std::vector<TopologyLayer>> LoadTopology(const std::string& path);

}  // namespace triptych

#endif  // TRIPTYCH_MODELS_FORMATS_SCALESIM_TOPOLOGY_H_
