// The functions behind the rows of the op table; one file here an operator or
// a family of them, which says what it computes and counts.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_MODELS_OPS_OPS_H_
#define TRIPTYCH_MODELS_OPS_OPS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "models/ops/op.h"

namespace triptych {

// What a rope node turns, for targets with a sine of their own: pairs of
// features, of head h from column first_column + h * head_dim on, by
// inverse_frequency[pair] * position[row]. Nodes with several coordinates
// have several.
struct RopeTurn {
  size_t first_column, heads, head_dim;
  std::vector<float> inverse_frequency;
  std::vector<int32_t> position;
};
// For `rows` rows of the node's input under `binding`.
std::vector<RopeTurn> RopeTurns(const Node& node, const Binding& binding,
                                size_t rows);

// Experts that `rows` evenly routed tokens reach, in expectation (moe_ffn).
double ExpertsReached(const Node& node, int64_t rows);
// Scores of one head of one sequence that no mask hides (attention).
int64_t VisibleScores(const Node& node, int64_t queries, int64_t keys);

Result<Shape> EmbedShape(const Graph&, const Node&);
Result<Shape> PosEmbedShape(const Graph&, const Node&);
Result<Shape> PosSinusoidShape(const Graph&, const Node&);
Result<Shape> AddRowsShape(const Graph&, const Node&);
Result<Shape> MatmulShape(const Graph&, const Node&);
Result<Shape> RmsNormShape(const Graph&, const Node&);
Result<Shape> LayerNormShape(const Graph&, const Node&);
Result<Shape> RopeShape(const Graph&, const Node&);
Result<Shape> KvAppendShape(const Graph&, const Node&);
Result<Shape> AttentionOpShape(const Graph&, const Node&);
Result<Shape> MlaAttentionShape(const Graph&, const Node&);
Result<Shape> BinaryShape(const Graph&, const Node&);
Result<Shape> ModulateShape(const Graph&, const Node&);
Result<Shape> GatedAddShape(const Graph&, const Node&);
Result<Shape> MoeRouteShape(const Graph&, const Node&);
Result<Shape> MoeFfnShape(const Graph&, const Node&);
Result<Shape> SelectRowsShape(const Graph&, const Node&);
Result<Shape> ConcatRowsShape(const Graph&, const Node&);
Result<Shape> Im2ColShape(const Graph&, const Node&);
Result<Shape> SliceColsShape(const Graph&, const Node&);

Work EmbedWork(const Graph&, const Node&, const Binding&);
Work PosEmbedWork(const Graph&, const Node&, const Binding&);
Work PosSinusoidWork(const Graph&, const Node&, const Binding&);
Work AddRowsWork(const Graph&, const Node&, const Binding&);
Work MatmulWork(const Graph&, const Node&, const Binding&);
Work RmsNormWork(const Graph&, const Node&, const Binding&);
Work LayerNormWork(const Graph&, const Node&, const Binding&);
Work RopeWork(const Graph&, const Node&, const Binding&);
Work KvAppendWork(const Graph&, const Node&, const Binding&);
Work AttentionWork(const Graph&, const Node&, const Binding&);
Work MlaAttentionWork(const Graph&, const Node&, const Binding&);
Work SoftmaxWork(const Graph&, const Node&, const Binding&);
Work SiluWork(const Graph&, const Node&, const Binding&);
Work GeluTanhWork(const Graph&, const Node&, const Binding&);
Work GeluErfWork(const Graph&, const Node&, const Binding&);
Work TanhWork(const Graph&, const Node&, const Binding&);
Work BinaryWork(const Graph&, const Node&, const Binding&);
Work ModulateWork(const Graph&, const Node&, const Binding&);
Work GatedAddWork(const Graph&, const Node&, const Binding&);
Work MoeRouteWork(const Graph&, const Node&, const Binding&);
Work MoeFfnWork(const Graph&, const Node&, const Binding&);
Work SelectRowsWork(const Graph&, const Node&, const Binding&);
Work MeanPoolWork(const Graph&, const Node&, const Binding&);
Work ConcatRowsWork(const Graph&, const Node&, const Binding&);
Work Im2ColWork(const Graph&, const Node&, const Binding&);
Work SliceColsWork(const Graph&, const Node&, const Binding&);

void EmbedReference(const OpArgs<double>&);
void EmbedHost(const OpArgs<float>&);
void PosEmbedReference(const OpArgs<double>&);
void PosEmbedHost(const OpArgs<float>&);
void PosSinusoidReference(const OpArgs<double>&);
void PosSinusoidHost(const OpArgs<float>&);
void AddRowsReference(const OpArgs<double>&);
void AddRowsHost(const OpArgs<float>&);
void MatmulReference(const OpArgs<double>&);
void MatmulHost(const OpArgs<float>&);
void RmsNormReference(const OpArgs<double>&);
void RmsNormHost(const OpArgs<float>&);
void LayerNormReference(const OpArgs<double>&);
void LayerNormHost(const OpArgs<float>&);
void RopeReference(const OpArgs<double>&);
void RopeHost(const OpArgs<float>&);
void KvAppendReference(const OpArgs<double>&);
void KvAppendHost(const OpArgs<float>&);
void AttentionReference(const OpArgs<double>&);
void AttentionHost(const OpArgs<float>&);
void MlaAttentionReference(const OpArgs<double>&);
void MlaAttentionHost(const OpArgs<float>&);
void SoftmaxReference(const OpArgs<double>&);
void SoftmaxHost(const OpArgs<float>&);
void SiluReference(const OpArgs<double>&);
void SiluHost(const OpArgs<float>&);
void GeluTanhReference(const OpArgs<double>&);
void GeluTanhHost(const OpArgs<float>&);
void GeluErfReference(const OpArgs<double>&);
void GeluErfHost(const OpArgs<float>&);
void TanhReference(const OpArgs<double>&);
void TanhHost(const OpArgs<float>&);
void AddReference(const OpArgs<double>&);
void AddHost(const OpArgs<float>&);
void MulReference(const OpArgs<double>&);
void MulHost(const OpArgs<float>&);
void ModulateReference(const OpArgs<double>&);
void ModulateHost(const OpArgs<float>&);
void GatedAddReference(const OpArgs<double>&);
void GatedAddHost(const OpArgs<float>&);
void MoeRouteReference(const OpArgs<double>&);
void MoeRouteHost(const OpArgs<float>&);
void MoeFfnReference(const OpArgs<double>&);
void MoeFfnHost(const OpArgs<float>&);
void SelectRowsReference(const OpArgs<double>&);
void SelectRowsHost(const OpArgs<float>&);
void MeanPoolReference(const OpArgs<double>&);
void MeanPoolHost(const OpArgs<float>&);
void ConcatRowsReference(const OpArgs<double>&);
void ConcatRowsHost(const OpArgs<float>&);
void Im2ColReference(const OpArgs<double>&);
void Im2ColHost(const OpArgs<float>&);
void SliceColsReference(const OpArgs<double>&);
void SliceColsHost(const OpArgs<float>&);

}  // namespace triptych

#endif  // TRIPTYCH_MODELS_OPS_OPS_H_
