// Errors that are values: Result<T>, Status, and the macros that pass them on.
//
// Three kinds of failure exist in Triptych. What a user, a file or a graph
// got wrong is an Error, with a location in front: "file:line: key: what is
// wrong and what is allowed". What a programmer got wrong aborts (check.h).
// Hot loops do neither.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_KERNELS_BASE_RESULT_H_
#define TRIPTYCH_KERNELS_BASE_RESULT_H_

#include <cstdint>
#include <expected>
#include <string>
#include <utility>

namespace triptych {

enum class ErrorCode : uint8_t {
  kInvalid,      // a value that is not allowed
  kNotFound,     // a file, key, preset or op that does not exist
  kCorrupt,      // a file whose bytes contradict each other
  kUnsupported,  // understood, but not something this target or importer does
  kIo,           // the operating system said no
};

// `message` says where, what is wrong and what is allowed.
struct Error {
  ErrorCode code = ErrorCode::kInvalid;
  std::string message;
};

template <class T>
using Result = std::expected<T, Error>;
using Status = Result<void>;

inline std::unexpected<Error> MakeError(ErrorCode code, std::string message) {
  return std::unexpected<Error>(Error{code, std::move(message)});
}

// The same error with "where: " in front, for a caller that knows the file.
inline std::unexpected<Error> Locate(Error error, const std::string& where) {
  error.message = where + ": " + error.message;
  return std::unexpected<Error>(std::move(error));
}

}  // namespace triptych

#define TRIPTYCH_CONCAT_INNER(a, b) a##b
#define TRIPTYCH_CONCAT(a, b) TRIPTYCH_CONCAT_INNER(a, b)

// Evaluates a Status or Result expression; returns its error from the caller.
#define TRIPTYCH_TRY(expression)                                   \
  do {                                                             \
    if (auto status_ = (expression); !status_) {                   \
      return std::unexpected<::triptych::Error>(                   \
          std::move(status_).error());                             \
    }                                                              \
  } while (false)

// TRIPTYCH_ASSIGN(auto x, F()): x is F's value, or its error is returned.
#define TRIPTYCH_ASSIGN(target, expression)                                \
  TRIPTYCH_ASSIGN_INNER(TRIPTYCH_CONCAT(result_, __LINE__), target, expression)
#define TRIPTYCH_ASSIGN_INNER(temporary, target, expression)               \
  auto temporary = (expression);                                           \
  if (!temporary) {                                                        \
    return std::unexpected<::triptych::Error>(                             \
        std::move(temporary).error());                                     \
  }                                                                        \
  target = std::move(*temporary)

#endif  // TRIPTYCH_KERNELS_BASE_RESULT_H_
