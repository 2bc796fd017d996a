// Databases of studies, read: into memory, as text, one point in full. What
// reads needs the file alone: no study, no preset.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_SWEEP_READER_H_
#define TRIPTYCH_TOOLS_SWEEP_READER_H_

#include <cstdint>
#include <iosfwd>
#include <string>

#include "kernels/base/result.h"
#include "tools/sweep/point.h"
#include "tools/sweep/results.h"

namespace triptych::sweep {

// The points of one tier that are ok, in the order of their numbers. Errors:
// no such file, or no database of a study.
Result<Results> ReadResults(const std::string& path,
                            Tier tier = Tier::kAnalytic);

// All rows of both tiers, in order: tier, point, key (hexadecimal), status,
// message and the study's columns. CSV as in RFC 4180, but lines end with \n;
// what a point does not have is empty, in NDJSON null.
Status ExportCsv(const std::string& path, std::ostream& out);
Status ExportNdjson(const std::string& path, std::ostream& out);

// One point in full: what it is, what was answered, and the effective
// configuration of its machine as TOML that MakeTarget takes.
struct PointReport {
  std::string columns;    // "name = value" a line
  std::string effective;  // TOML
};
Result<PointReport> ReadPoint(const std::string& path, Tier tier,
                              uint32_t number);

}  // namespace triptych::sweep

#endif  // TRIPTYCH_TOOLS_SWEEP_READER_H_
