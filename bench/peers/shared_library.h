// A library that is loaded while the program runs, and keeps its names to
// itself: two BLAS libraries, which have the same ones, can be there at once.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_BENCH_PEERS_SHARED_LIBRARY_H_
#define TRIPTYCH_BENCH_PEERS_SHARED_LIBRARY_H_

#include <string>

#include "kernels/base/result.h"

namespace triptych::bench {

// Stays loaded until the program ends: its threads do.
class SharedLibrary {
 public:
  // `file` as the dynamic loader looks for it: "libblis.so.4".
  static Result<SharedLibrary> Load(const std::string& file);

  // Sets `function`, a pointer to a function, to what is called `name`.
  template <class Function>
  Status Find(const char* name, Function*& function) const {
    TRIPTYCH_ASSIGN(void* const address, Address(name));
    function = reinterpret_cast<Function*>(address);
    return {};
  }

 private:
  SharedLibrary(std::string file, void* handle)
      : file_(std::move(file)), handle_(handle) {}
  Result<void*> Address(const char* name) const;

  std::string file_;
  void* handle_;
};

}  // namespace triptych::bench

#endif  // TRIPTYCH_BENCH_PEERS_SHARED_LIBRARY_H_
