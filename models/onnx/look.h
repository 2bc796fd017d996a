// Looks at how values of a model are made: numbers, copies, products. What
// patterns (match.cc) are told apart by.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_MODELS_ONNX_LOOK_H_
#define TRIPTYCH_MODELS_ONNX_LOOK_H_

#include <optional>
#include <string_view>
#include <vector>

#include "models/onnx/facts.h"

namespace triptych::onnx {

// coefficient * the product of the factors.
struct Product {
  double coefficient = 1;
  std::vector<int> factors;
};

// Keeps `facts`, which must outlive it. Thread-safe.
class Look {
 public:
  explicit Look(const Facts& facts) : f_(facts) {}

  // Through nodes that change nothing: copies, and casts among floats.
  int Peel(int value) const;
  const Node* Make(int value) const { return f_.Producer(Peel(value)); }
  // Peel, and through reshapes that only put ones in front of a matrix's sizes
  // or take them away.
  int PeelOnes(int value) const;
  // The node that makes `value` if it is of that operator.
  const Node* Is(int value, std::string_view op) const;
  // The number that `value` is, if it is one and constant.
  std::optional<double> Number(int value) const;
  // One of two inputs for which f holds; the other is `other`.
  template <class F>
  bool EitherWay(const Node& node, const F& f) const {
    return f(node.inputs[0], node.inputs[1]) ||
           f(node.inputs[1], node.inputs[0]);
  }

  Product ProductOf(int value) const;
  // x^n for the n that the factors make up together; 0 if there are others.
  int PowerOf(const Product& product, int x) const;

 protected:
  const Facts& f_;

 private:
  void Multiply(int value, int depth, Product* product) const;
};

}  // namespace triptych::onnx

#endif  // TRIPTYCH_MODELS_ONNX_LOOK_H_
