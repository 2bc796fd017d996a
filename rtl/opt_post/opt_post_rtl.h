// opt_post.sv itself, run through Verilator.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_RTL_OPT_POST_OPT_POST_RTL_H_
#define TRIPTYCH_RTL_OPT_POST_OPT_POST_RTL_H_

#include <cstdint>
#include <memory>

#include "rtl/opt_post/opt_post_model.h"

namespace triptych::rtl {

// One slice. Not thread-safe; instances are independent.
class PostRtl {
 public:
  // Resets the slice.
  PostRtl();
  ~PostRtl();
  PostRtl(const PostRtl&) = delete;
  PostRtl& operator=(const PostRtl&) = delete;

  void Write(const PostCoefficients& coefficients);
  // What the registers hold, read through the slice's chain.
  PostCoefficients Read();
  void SetRails(bool rails);
  // One vector: PostScale and PostFinish. kSarLanes of `result` and `value`.
  void Apply(const uint16_t* result, int16_t left, int16_t right,
             int16_t* value);
  // Bit l: lane l has saturated since the flags were cleared.
  uint64_t Saturated();
  void ClearSaturated();
  // y of the first and of the last lane, of the last vector.
  int16_t first() const;
  int16_t last() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace triptych::rtl

#endif  // TRIPTYCH_RTL_OPT_POST_OPT_POST_RTL_H_
