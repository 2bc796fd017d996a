// SPDX-License-Identifier: Apache-2.0
#include "models/formats/hf_checkpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <utility>

#include "models/formats/byte_reader.h"
#include "models/formats/json_tree.h"

namespace triptych {
namespace {

namespace fs = std::filesystem;

constexpr char kConfigName[] = "config.json";
constexpr char kModelName[] = "model.safetensors";
constexpr char kIndexName[] = "model.safetensors.index.json";
constexpr std::string_view kIndexEnding = ".index.json";

// Which tensor the index says is in which shard; files in order of mention.
struct ShardIndex {
  std::vector<std::string> files;
  std::vector<std::pair<std::string, std::string>> tensors;  // name, file
};

Result<ShardIndex> ReadIndex(const std::string& path) {
  TRIPTYCH_ASSIGN(const MappedFile file, MappedFile::Open(path));
  const std::string_view text = TextOf(file);
  TRIPTYCH_ASSIGN(const JsonValue root, ParseJson(text, path));
  const JsonValue* map = root.Find("weight_map");
  const auto fail = [&](size_t offset, std::string_view what) {
    return MakeError(ErrorCode::kCorrupt,
                     fmt::format("{}: line {}: weight_map: {}", path,
                                 LineOf(text, offset), what));
  };
  if (map == nullptr || map->members.empty()) {
    return fail(0, "must say which tensor is in which file");
  }
  ShardIndex index;
  std::set<std::string> seen;
  for (const JsonMember& entry : map->members) {
    const std::string& shard = entry.value.text;
    if (shard.empty() || shard.find('/') != std::string::npos ||
        shard.find('\0') != std::string::npos) {
      return fail(entry.offset,
                  fmt::format("{}: {}: must be a file beside this one",
                              Printable(entry.key), entry.value.Describe()));
    }
    if (seen.insert(shard).second) index.files.push_back(shard);
    index.tensors.emplace_back(entry.key, shard);
  }
  std::sort(index.files.begin(), index.files.end());
  return index;
}

// The index and the shards have to agree, tensor by tensor.
Status CheckIndex(const ShardIndex& index, const std::string& path,
                  std::span<const SafetensorsFile> shards) {
  std::set<std::pair<std::string_view, std::string>> there;  // name, file
  for (const SafetensorsFile& shard : shards) {
    for (const SafeTensor& tensor : shard.tensors()) {
      there.emplace(tensor.name, fs::path(shard.file()).filename());
    }
  }
  std::set<std::pair<std::string_view, std::string>> said;
  for (const auto& [name, file] : index.tensors) {
    if (!there.contains({name, file})) {
      return MakeError(ErrorCode::kCorrupt,
                       fmt::format("{}: weight_map: {}: is not in {}", path,
                                   Printable(name), file));
    }
    said.emplace(name, file);
  }
  for (const SafetensorsFile& shard : shards) {
    for (const SafeTensor& tensor : shard.tensors()) {
      if (said.contains(
              {tensor.name, fs::path(shard.file()).filename().string()})) {
        continue;
      }
      return shard.Fail(tensor, fmt::format("{} does not mention it", path));
    }
  }
  return {};
}

bool Exists(const std::string& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

bool IsDirectory(const std::string& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

// "/a/tiny-llama/" -> "tiny-llama"; "" is where we are.
std::string NameOfDirectory(const std::string& directory) {
  std::error_code ignored;
  return fs::absolute(directory + ".", ignored)
      .lexically_normal()
      .parent_path()
      .filename();
}

}  // namespace

bool IsHfCheckpoint(const std::string& path) {
  return IsDirectory(path) || path.ends_with(".safetensors") ||
         path.ends_with(".json");
}

Result<HfCheckpoint> FindHfCheckpoint(const std::string& path) {
  HfCheckpoint out;
  const bool directory = IsDirectory(path);
  out.directory = directory && !path.ends_with('/')
                      ? path + '/'
                      : path.substr(0, path.find_last_of('/') + 1);
  out.name = NameOfDirectory(out.directory);
  out.config = out.directory + kConfigName;
  const bool whole = directory || path.ends_with(kConfigName);
  if (path.ends_with(kIndexEnding)) {
    out.index = path;
  } else if (whole && Exists(out.directory + kIndexName)) {
    out.index = out.directory + kIndexName;
  }
  if (!out.index.empty()) {
    TRIPTYCH_ASSIGN(const ShardIndex index, ReadIndex(out.index));
    for (const std::string& file : index.files) {
      out.shards.push_back(out.directory + file);
    }
    return out;
  }
  out.shards = {whole ? out.directory + kModelName : path};
  if (Exists(out.shards[0])) return out;
  return MakeError(ErrorCode::kNotFound,
                   fmt::format("{}: no checkpoint: neither {} nor {} is there",
                               path, kModelName, kIndexName));
}

Result<HfShards> OpenHfShards(const HfCheckpoint& checkpoint) {
  auto storage = std::make_shared<ModelStorage>();
  HfShards out;
  for (const std::string& shard : checkpoint.shards) {
    TRIPTYCH_ASSIGN(MappedFile mapped, MappedFile::Open(shard));
    TRIPTYCH_ASSIGN(SafetensorsFile file,
                    SafetensorsFile::Parse(mapped.bytes(), shard));
    storage->push_back(std::move(mapped));
    out.files.push_back(std::move(file));
  }
  if (!checkpoint.index.empty()) {
    TRIPTYCH_ASSIGN(const ShardIndex index, ReadIndex(checkpoint.index));
    TRIPTYCH_TRY(CheckIndex(index, checkpoint.index, out.files));
  }
  out.storage = std::move(storage);
  return out;
}

std::string_view TextOf(const MappedFile& file) {
  return {reinterpret_cast<const char*>(file.bytes().data()),
          file.bytes().size()};
}

}  // namespace triptych
