// SPDX-License-Identifier: Apache-2.0
#include "bench/peers/shared_library.h"

#include <dlfcn.h>

namespace triptych::bench {

Result<SharedLibrary> SharedLibrary::Load(const std::string& file) {
  void* const handle = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    return MakeError(ErrorCode::kNotFound,
                     file + ": cannot be loaded (" + ::dlerror() + ")");
  }
  return SharedLibrary(file, handle);
}

Result<void*> SharedLibrary::Address(const char* name) const {
  void* const address = ::dlsym(handle_, name);
  if (address == nullptr) {
    return MakeError(ErrorCode::kUnsupported,
                     file_ + ": has no function " + name);
  }
  return address;
}

}  // namespace triptych::bench
