// The container: what is read from it, and where a broken one says it is.
// SPDX-License-Identifier: Apache-2.0
#include "models/formats/safetensors.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <span>
#include <string>

#include "kernels/base/rng.h"
#include "models/formats/json_tree.h"
#include "tests/models/hf/checkpoint.h"

namespace triptych {
namespace {

// The bytes stay in a buffer of exactly their size, for sanitizers.
struct Read {
  explicit Read(const std::string& text)
      : bytes(text.size()), file([&] {
          std::ranges::copy(std::as_bytes(std::span(text)), bytes.begin());
          return SafetensorsFile::Parse(bytes, "f");
        }()) {}
  std::vector<std::byte> bytes;
  Result<SafetensorsFile> file;
};

std::string Complaint(const std::string& text) {
  const Read read(text);
  return read.file ? std::string() : read.file.error().message;
}

std::string Complaint(std::string_view header, size_t data) {
  return Complaint(hf::RawSafetensors(header, data));
}

std::string Entry(const char* dtype, const char* shape, const char* offsets) {
  return std::string(R"({"dtype":")") + dtype + R"(","shape":)" + shape +
         R"(,"data_offsets":)" + offsets + "}";
}

TEST_CASE("Tensors, types and metadata") {
  const std::string text =
      hf::RawSafetensors(R"({"__metadata__":{"format":"pt","step":"7"},"b":)" +
                             Entry("BF16", "[2,3]", "[4,16]") + R"(,"mask":)" +
                             Entry("BOOL", "[4]", "[0,4]") + R"(,"s":)" +
                             Entry("F32", "[]", "[16,20]") + R"(,"none":)" +
                             Entry("F64", "[0,5]", "[16,16]") + "}",
                         20);
  const Read read(text);
  REQUIRE_MESSAGE(read.file, (read.file ? "" : read.file.error().message));
  const auto tensors = read.file->tensors();
  REQUIRE(tensors.size() == 4);
  CHECK(tensors[0].name == "mask");
  CHECK(tensors[0].type == "BOOL");
  CHECK(!tensors[0].dtype);
  CHECK(tensors[1].name == "b");
  CHECK(tensors[1].dtype == DType::kBf16);
  CHECK(tensors[1].shape == std::vector<int64_t>{2, 3});
  CHECK(tensors[1].data.data() == read.bytes.data() + text.size() - 16);
  CHECK(tensors[1].offset == text.size() - 16);
  CHECK(tensors[2].name == "none");
  CHECK(tensors[2].data.empty());
  CHECK(tensors[3].shape.empty());
  CHECK(read.file->metadata()[1] ==
        std::pair<std::string, std::string>{"step", "7"});
  CHECK(LooksLikeSafetensors(read.bytes));
}

TEST_CASE("What is broken says where and what is allowed") {
  CHECK(Complaint("").starts_with("f: offset 0: header length: needs 8"));
  CHECK(Complaint(std::string(8, '\xFF')) ==
        "f: offset 0: header length: 18446744073709551615: must be "
        "2..100000000");
  CHECK(Complaint(std::string("\x10\0\0\0\0\0\0\0{}", 10)) ==
        "f: offset 8: header: needs 16 bytes, the file has 2 left");
  CHECK(Complaint("[]", 0) == "f: offset 8: header: must begin with {");
  CHECK(Complaint("{\"a\":}", 0).starts_with("f: offset 14: JSON: "));
  CHECK(Complaint(R"({"a":)" + Entry("F32", "[1]", "[0,4]") + R"(,"a":)" +
                      Entry("F32", "[1]", "[4,8]") + "}",
                  8)
            .ends_with("JSON: \"a\": appears twice in one object"));
  const std::string deep = std::string(R"({"a":)") + std::string(100000, '[');
  CHECK(Complaint(deep, 0).ends_with("64 levels of lists and objects"));

  const auto one = [](const std::string& entry, size_t data) {
    return Complaint(R"({"w":)" + entry + "}", data);
  };
  CHECK(
      one(Entry("F31", "[1]", "[0,4]"), 4)
          .starts_with("f: offset 12: w: dtype \"F31\": must be one of F64 "));
  CHECK(one(Entry("F32", "[-1]", "[0,4]"), 4) ==
        "f: offset 12: w: shape: -1: must be an integer, 0 or more");
  CHECK(one(Entry("F32", "[1.5]", "[0,4]"), 4).find("shape: 1.5") !=
        std::string::npos);
  CHECK(one(Entry("F32", "[4294967296,4294967296]", "[0,4]"), 4)
            .find("more elements than any file has") != std::string::npos);
  CHECK(one(Entry("F32", "7", "[0,4]"), 4)
            .ends_with("shape: must be a list of at most 8 sizes"));
  CHECK(one(Entry("F32", "[2]", "[0,4]"), 4) ==
        "f: offset 12: w: 4 bytes of data: F32 of shape [2] are 8");
  CHECK(one(Entry("F32", "[1]", "[4,0]"), 4)
            .ends_with("data_offsets: must be [begin, end]"));
  CHECK(one(Entry("F32", "[1]", "[0,4]"), 3) ==
        "f: offset 12: w: data_offsets: ends at 4: the file has 3 bytes of "
        "data");
  CHECK(one(Entry("F32", "[1]", "[4,8]"), 8) ==
        "f: offset 12: w: data_offsets: begins at 4: must begin at 0, where "
        "the data before it ends");
  CHECK(one(Entry("F32", "[1]", "[0,4]"), 6)
            .ends_with("data: 2 bytes belong to no tensor"));
  CHECK(one(Entry("F4", "[3]", "[0,2]"), 2).ends_with("no whole bytes"));
  CHECK(one("7", 0).ends_with("dtype is missing"));
  CHECK(one(R"({"dtype":"F32","shape":[1],"offset":0})", 4)
            .ends_with("offset: must be dtype, shape or data_offsets"));
  // Two tensors that share bytes.
  CHECK(Complaint(R"({"a":)" + Entry("F32", "[2]", "[0,8]") + R"(,"b":)" +
                      Entry("F32", "[1]", "[4,8]") + "}",
                  8)
            .ends_with("b: data_offsets: begins at 4: must begin at 8, where "
                       "the data before it ends"));
  CHECK(Complaint(R"({"__metadata__":{"n":7}})", 0)
            .ends_with("n: 7: must be a text"));
}

TEST_CASE(
    "Every cut and a thousand kinds of damage: an error that says where") {
  hf::Tensors tensors;
  hf::Add(tensors, "layers.0.weight", {3, 4});
  hf::Add(tensors, "layers.0.bias", {4});
  hf::Add(tensors, "head", {2, 4});
  const std::string whole = hf::SafetensorsText(tensors);
  CHECK(Complaint(whole).empty());
  for (size_t size = 0; size < whole.size(); ++size) {
    CHECK(Complaint(whole.substr(0, size)).starts_with("f: offset "));
  }
  Rng rng(5);
  const size_t header = whole.size() - 4 * (12 + 4 + 8);
  for (int trial = 0; trial < 1000; ++trial) {
    std::string damaged = whole;
    for (uint32_t flips = 1 + rng.Below(3); flips > 0; --flips) {
      const uint32_t at = rng.Below(static_cast<uint32_t>(header));
      damaged[at] = static_cast<char>(damaged[at] ^ (1 << rng.Below(8)));
    }
    const std::string complaint = Complaint(damaged);
    if (!complaint.empty()) CHECK(complaint.starts_with("f: offset "));
  }
}

TEST_CASE("JSON keeps values and where they stand") {
  const std::string text = "{\"a\": [1, -2.5, true, null],\n \"b\": \"x\\n\"}";
  const auto root = ParseJson(text, "f");
  REQUIRE(root);
  const JsonValue* list = root->Find("a");
  REQUIRE(list != nullptr);
  REQUIRE(list->list.size() == 4);
  CHECK(list->list[0].integer == 1);
  CHECK(list->list[0].offset == 8);
  CHECK(list->list[1].real == -2.5);
  CHECK(list->list[2].boolean);
  CHECK(root->Find("b")->text == "x\n");
  CHECK(LineOf(text, root->Find("b")->offset) == 2);
  CHECK(root->Find("c") == nullptr);
  CHECK(!ParseJson("{\"a\": 1} x", "f"));
  CHECK(!ParseJson("\"\xFF\"", "f"));
  CHECK(!ParseJson("", "f"));
  CHECK(ParseJson("18446744073709551615", "f")->kind == JsonValue::Kind::kReal);
}

}  // namespace
}  // namespace triptych
