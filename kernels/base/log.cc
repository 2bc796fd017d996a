// SPDX-License-Identifier: Apache-2.0
#include "kernels/base/log.h"

#include <atomic>
#include <cstdio>

namespace triptych {
namespace {

std::atomic<LogLevel> g_level{LogLevel::kWarning};
constexpr std::string_view kNames[] = {"debug", "info", "warning", "error"};

}  // namespace

void SetLogLevel(LogLevel level) { g_level = level; }

void Log(LogLevel level, std::string_view component,
         std::string_view message) {
  if (level < g_level) return;
  const std::string_view name = kNames[static_cast<int>(level)];
  std::fprintf(stderr, "%.*s %.*s: %.*s\n", static_cast<int>(name.size()),
               name.data(), static_cast<int>(component.size()),
               component.data(), static_cast<int>(message.size()),
               message.data());
}

}  // namespace triptych
