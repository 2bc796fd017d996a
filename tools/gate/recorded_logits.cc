// SPDX-License-Identifier: Apache-2.0
#include "tools/gate/recorded_logits.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <fstream>
#include <memory>
#include <span>
#include <string_view>

namespace triptych::gate {
namespace {

static_assert(std::endian::native == std::endian::little,
              "files are little-endian, and so are all hosts so far");

constexpr std::string_view kMagic = "TRILOGIT";
constexpr uint32_t kVersion = 1;
constexpr uint32_t kLongestNote = 1 << 16;

struct Header {
  std::array<char, 8> magic;
  uint32_t version, vocab;
  uint64_t rows;
  Sha256 model, text;
  uint32_t note_bytes;
  uint32_t unused;  // of this struct, not of the file
};
constexpr size_t kHeaderBytes = 92;
static_assert(offsetof(Header, model) == 24 && offsetof(Header, text) == 56 &&
              offsetof(Header, note_bytes) == 88 &&
              sizeof(Header) == kHeaderBytes + 4);

class Hasher {
 public:
  Hasher() : context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
    EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr);
  }
  void Add(const void* data, size_t bytes) {
    EVP_DigestUpdate(context_.get(), data, bytes);
  }
  Sha256 Finish() {
    Sha256 digest;
    EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr);
    return digest;
  }

 private:
  std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context_;
};

// The first eight digits: enough to tell two apart.
std::string Short(const Sha256& digest) {
  return fmt::format("{:02x}{:02x}{:02x}{:02x}", digest[0], digest[1],
                     digest[2], digest[3]);
}

size_t RowsOf(const std::vector<Segment>& segments) {
  size_t rows = 0;
  for (const Segment& segment : segments) rows += segment.fed().size();
  return rows;
}

// Reads one file, and says of all that is wrong where it is.
class Reader {
 public:
  explicit Reader(const std::string& path)
      : path_(path), file_(path, std::ios::binary) {}

  Status ReadHeader() {
    if (!file_) return MakeError(ErrorCode::kIo, path_ + ": cannot be read");
    if (!file_.read(reinterpret_cast<char*>(&header_), kHeaderBytes)) {
      return Fail(0, "cut short: the header has 92 bytes");
    }
    if (std::string_view(header_.magic.data(), kMagic.size()) != kMagic) {
      return Fail(0, "no recorded logits: they begin with TRILOGIT");
    }
    if (header_.version != kVersion) {
      return Fail(8, fmt::format("version {} is not allowed; allowed {}",
                                 header_.version, kVersion));
    }
    if (header_.note_bytes > kLongestNote) {
      return Fail(88, fmt::format("a note of {} bytes is not allowed; allowed "
                                  "up to {}",
                                  header_.note_bytes, kLongestNote));
    }
    note_.resize(header_.note_bytes);
    if (!file_.read(note_.data(), header_.note_bytes)) {
      return Fail(92, "cut short in the note");
    }
    return {};
  }

  Status Check(const Sha256& model, const Sha256& text, int64_t vocab,
               size_t rows) const {
    if (header_.model != model) {
      return Fail(24, fmt::format("recorded with another model ({}; SHA-256 "
                                  "{}..., this one has {}...)",
                                  note_, Short(header_.model), Short(model)));
    }
    if (header_.text != text) {
      return Fail(56, fmt::format("recorded on another text, tokenizer or "
                                  "protocol ({})",
                                  note_));
    }
    if (std::cmp_not_equal(header_.vocab, vocab)) {
      return Fail(12, fmt::format("{} logits a row; the model has {}",
                                  header_.vocab, vocab));
    }
    if (header_.rows != rows) {
      return Fail(16,
                  fmt::format("{} rows; the text has {}", header_.rows, rows));
    }
    return {};
  }

  Result<std::vector<double>> ReadRows(size_t rows) {
    std::vector<float> raw(rows * header_.vocab);
    const auto bytes = static_cast<std::streamsize>(raw.size() * sizeof(float));
    if (!file_.read(reinterpret_cast<char*>(raw.data()), bytes)) {
      return Fail(kHeaderBytes + header_.note_bytes,
                  fmt::format("cut short: {} rows of {} logits are needed",
                              header_.rows, header_.vocab));
    }
    return std::vector<double>(raw.begin(), raw.end());
  }

 private:
  std::unexpected<Error> Fail(size_t offset, std::string_view what) const {
    return MakeError(ErrorCode::kCorrupt,
                     fmt::format("{}: byte {}: {}", path_, offset, what));
  }

  std::string path_;
  std::ifstream file_;
  Header header_{};
  std::string note_;
};

}  // namespace

Result<Sha256> Sha256OfFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return MakeError(ErrorCode::kIo, path + ": cannot be read");
  Hasher hasher;
  std::vector<char> part(1 << 20);
  while (file) {
    file.read(part.data(), static_cast<std::streamsize>(part.size()));
    hasher.Add(part.data(), static_cast<size_t>(file.gcount()));
  }
  return hasher.Finish();
}

Sha256 Sha256Of(const std::vector<Segment>& segments) {
  Hasher hasher;
  for (const Segment& segment : segments) {
    const uint32_t words[] = {static_cast<uint32_t>(segment.tokens.size()),
                              static_cast<uint32_t>(segment.first_scored)};
    hasher.Add(words, sizeof(words));
    hasher.Add(segment.tokens.data(),
               segment.tokens.size() * sizeof(segment.tokens[0]));
  }
  return hasher.Finish();
}

void WriteLogits(const AccuracyTest& test, const Sha256& model,
                 const std::string& note, std::ostream& out) {
  const std::vector<Segment>& segments = test.segments();
  const size_t rows = RowsOf(segments);
  const size_t vocab =
      test.logits().front().size() / segments.front().fed().size();
  Header header{.version = kVersion,
                .vocab = static_cast<uint32_t>(vocab),
                .rows = rows,
                .model = model,
                .text = Sha256Of(segments),
                .note_bytes = static_cast<uint32_t>(
                    std::min<size_t>(note.size(), kLongestNote))};
  std::ranges::copy(kMagic, header.magic.begin());
  out.write(reinterpret_cast<const char*>(&header), kHeaderBytes);
  out.write(note.data(), header.note_bytes);
  std::vector<float> row(vocab);
  for (const std::vector<double>& logits : test.logits()) {
    for (size_t first = 0; first < logits.size(); first += vocab) {
      const auto exact = std::span(logits).subspan(first, vocab);
      const double largest = *std::ranges::max_element(exact);
      std::ranges::transform(exact, row.begin(), [&](double logit) {
        return static_cast<float>(logit - largest);
      });
      out.write(reinterpret_cast<const char*>(row.data()),
                static_cast<std::streamsize>(vocab * sizeof(float)));
    }
  }
}

Result<std::vector<std::vector<double>>> ReadLogits(
    const std::string& path, const Sha256& model,
    const std::vector<Segment>& segments, int64_t vocab) {
  Reader reader(path);
  TRIPTYCH_TRY(reader.ReadHeader());
  TRIPTYCH_TRY(
      reader.Check(model, Sha256Of(segments), vocab, RowsOf(segments)));
  std::vector<std::vector<double>> logits;
  for (const Segment& segment : segments) {
    TRIPTYCH_ASSIGN(std::vector<double> part,
                    reader.ReadRows(segment.fed().size()));
    logits.push_back(std::move(part));
  }
  return logits;
}

}  // namespace triptych::gate
