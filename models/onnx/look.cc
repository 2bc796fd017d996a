// SPDX-License-Identifier: Apache-2.0
#include "models/onnx/look.h"

#include <utility>

namespace triptych::onnx {

int Look::Peel(int value) const {
  while (const Node* node = f_.Producer(value)) {
    const bool copy = node->op == "Identity" || node->op == "Dropout";
    const bool cast = node->op == "Cast" && IsFloat(f_.TypeOf(value)) &&
                      IsFloat(f_.TypeOf(node->inputs[0]));
    if ((!copy && !cast) || node->outputs[0] != value) break;
    value = node->inputs[0];
  }
  return value;
}

int Look::PeelOnes(int value) const {
  const auto core = [&](int v) {
    const Dims& dims = f_.ShapeOf(v);
    auto first = dims.begin();
    while (dims.end() - first > 2 && *first == 1) ++first;
    return Dims(first, dims.end());
  };
  value = Peel(value);
  while (const Node* node = f_.Producer(value)) {
    const bool reshape = node->op == "Reshape" || node->op == "Squeeze" ||
                         node->op == "Unsqueeze";
    const Dims sizes = core(value);
    if (!reshape || sizes.size() != 2 || core(node->inputs[0]) != sizes) break;
    value = Peel(node->inputs[0]);
  }
  return value;
}

const Node* Look::Is(int value, std::string_view op) const {
  if (value == kAbsent || f_.IsConstant(value)) return nullptr;
  const Node* node = Make(value);
  return node != nullptr && node->op == op ? node : nullptr;
}

std::optional<double> Look::Number(int value) const {
  if (value == kAbsent || !f_.IsConstant(value)) return {};
  const Tensor* t = f_.Elements(value);
  Tensor loaded;
  if (t == nullptr) {
    // Initialisers that nobody looked into.
    const auto& all = f_.model().initializers;
    const auto constant = all.find(value);
    if (constant == all.end() || CountOf(constant->second.dims) != 1) return {};
    auto widened = Widen(constant->second);
    if (!widened) return {};
    loaded = *std::move(widened);
    t = &loaded;
  }
  if (t->count() != 1 || t->type == ElementType::kString) return {};
  return IsFloat(t->type) ? t->floats[0] : static_cast<double>(t->ints[0]);
}

void Look::Multiply(int value, int depth, Product* product) const {
  if (const auto number = Number(value)) {
    product->coefficient *= *number;
    return;
  }
  const Node* node = f_.IsConstant(value) ? nullptr : Make(value);
  if (node != nullptr && depth > 0) {
    if (node->op == "Mul") {
      Multiply(node->inputs[0], depth - 1, product);
      Multiply(node->inputs[1], depth - 1, product);
      return;
    }
    const auto divisor =
        node->op == "Div" ? Number(node->inputs[1]) : std::nullopt;
    if (divisor && *divisor != 0) {
      product->coefficient /= *divisor;
      Multiply(node->inputs[0], depth - 1, product);
      return;
    }
  }
  product->factors.push_back(Peel(value));
}

Product Look::ProductOf(int value) const {
  Product product;
  Multiply(value, 4, &product);
  return product;
}

int Look::PowerOf(const Product& product, int x) const {
  int power = 0;
  for (const int factor : product.factors) {
    if (factor == Peel(x)) {
      ++power;
      continue;
    }
    const Node* pow = Is(factor, "Pow");
    const auto exponent = pow ? Number(pow->inputs[1]) : std::nullopt;
    if (!exponent || Peel(pow->inputs[0]) != Peel(x)) return 0;
    if (*exponent != 2 && *exponent != 3) return 0;
    power += static_cast<int>(*exponent);
  }
  return power;
}

}  // namespace triptych::onnx
