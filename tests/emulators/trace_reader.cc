// SPDX-License-Identifier: Apache-2.0
#include "tests/emulators/trace_reader.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>

namespace triptych {
namespace {

// ---- Chrome's JSON ----

int64_t PicosOf(const nlohmann::json& micros) {
  return std::llround(micros.get<double>() * 1e6);
}

}  // namespace

Timeline ReadJsonTrace(const std::string& text) {
  const auto trace = nlohmann::json::parse(text);
  Timeline timeline;
  std::map<int, std::string> processes, threads;
  std::map<int, std::vector<std::pair<int64_t, int64_t>>> open;  // picoseconds
  for (const auto& event : trace.at("traceEvents")) {
    const std::string kind = event.at("ph");
    const std::string name = event.at("name");
    const auto& args = event.at("args");
    if (kind == "M") {
      const bool process = name == "process_name";
      REQUIRE((process || name == "thread_name"));
      (process ? processes : threads)[event.at(process ? "pid" : "tid")] =
          args.at("name");
      continue;
    }
    const std::string process = processes.at(event.at("pid"));
    const int64_t begin = PicosOf(event.at("ts"));
    if (kind == "C") {
      REQUIRE(args.size() == 1);
      auto& steps = timeline.counters[{process, name, args.begin().key()}];
      REQUIRE((steps.empty() || steps.back().first * 1000 < begin));
      steps.emplace_back(begin / 1000, args.begin().value());
      continue;
    }
    REQUIRE(kind == "X");
    const int64_t end = begin + PicosOf(event.at("dur"));
    auto& stack = open[event.at("tid")];
    if (!stack.empty()) REQUIRE(stack.back().first <= begin);
    while (!stack.empty() && stack.back().second <= begin) stack.pop_back();
    if (!stack.empty()) REQUIRE(end <= stack.back().second);
    timeline.slices.push_back({process, threads.at(event.at("tid")), name,
                               event.at("cat"), args.at("action"),
                               args.at("count"), args.at("energy_j"),
                               begin / 1000, end / 1000, stack.size()});
    stack.emplace_back(begin, end);
  }
  std::ranges::sort(timeline.slices);
  return timeline;
}

namespace {

// ---- Protocol buffers ----

struct Field {
  uint64_t number = 0;
  uint64_t value = 0;      // of wire types 0 and 1
  std::string_view bytes;  // of wire type 2

  double AsDouble() const {
    double d;
    std::memcpy(&d, &value, sizeof(d));
    return d;
  }
};

uint64_t TakeVarint(std::string_view& bytes) {
  uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    REQUIRE_FALSE(bytes.empty());
    const auto byte = static_cast<uint8_t>(bytes.front());
    bytes.remove_prefix(1);
    value |= uint64_t{byte & 0x7fU} << shift;
    if (byte < 0x80) return value;
  }
  FAIL("a varint of more than ten bytes");
  return 0;
}

std::string_view Take(std::string_view& bytes, size_t count) {
  REQUIRE(count <= bytes.size());
  const std::string_view taken = bytes.substr(0, count);
  bytes.remove_prefix(count);
  return taken;
}

std::vector<Field> FieldsOf(std::string_view bytes) {
  std::vector<Field> fields;
  while (!bytes.empty()) {
    const uint64_t tag = TakeVarint(bytes);
    Field field{tag >> 3, 0, {}};
    switch (tag & 7) {
      case 0:
        field.value = TakeVarint(bytes);
        break;
      case 1:
        std::memcpy(&field.value, Take(bytes, 8).data(), 8);
        break;
      case 2:
        field.bytes = Take(bytes, TakeVarint(bytes));
        break;
      default:
        FAIL("wire type " << (tag & 7));
    }
    fields.push_back(field);
  }
  return fields;
}

// The only field of that number, or nothing.
std::optional<Field> Only(const std::vector<Field>& fields, uint64_t number) {
  std::optional<Field> found;
  for (const Field& field : fields) {
    if (field.number != number) continue;
    REQUIRE_FALSE(found.has_value());
    found = field;
  }
  return found;
}

Field Must(const std::vector<Field>& fields, uint64_t number) {
  const auto field = Only(fields, number);
  REQUIRE_MESSAGE(field.has_value(), "no field " << number);
  return *field;
}

// ---- Perfetto ----

// Field numbers from protos/perfetto/trace of github.com/google/perfetto, the
// messages named in each comment.
class PerfettoReader {
 public:
  Timeline Read(std::string_view bytes) {
    for (const Field& packet : FieldsOf(bytes)) {  // Trace
      REQUIRE(packet.number == 1);
      Packet(FieldsOf(packet.bytes));
    }
    for (const auto& [id, sequence] : sequences_) {
      REQUIRE(sequence.open.empty());
    }
    std::ranges::sort(timeline_.slices);
    return std::move(timeline_);
  }

 private:
  struct SequenceState {
    bool cleared = false;
    uint64_t track = 0;
    int64_t last_ns = 0;
    std::map<std::pair<uint64_t, uint64_t>, std::string> texts;  // kind, iid
    std::vector<ReadSlice> open;
  };
  struct TrackState {
    uint64_t parent = 0;
    std::string name, unit;
  };

  void Packet(const std::vector<Field>& packet) {  // TracePacket
    for (const Field& field : packet) {
      const bool known = field.number == 8 || field.number == 10 ||
                         field.number == 11 || field.number == 12 ||
                         field.number == 13 || field.number == 59 ||
                         field.number == 60 || field.number == 87;
      REQUIRE_MESSAGE(known, "TracePacket field " << field.number);
    }
    SequenceState& sequence = sequences_[Must(packet, 10).value];
    const auto flags = Only(packet, 13);
    if (flags && (flags->value & 1) != 0) {  // SEQ_INCREMENTAL_STATE_CLEARED
      sequence.cleared = true;
      sequence.texts.clear();
    }
    if (const auto defaults = Only(packet, 59)) {  // TracePacketDefaults
      const Field event = Must(FieldsOf(defaults->bytes), 11);
      sequence.track = Must(FieldsOf(event.bytes), 11).value;
    }
    if (const auto track = Only(packet, 60)) Descriptor(track->bytes);
    if (const auto texts = Only(packet, 12)) Intern(texts->bytes, sequence);
    if (const auto event = Only(packet, 11)) {
      REQUIRE(sequence.cleared);
      REQUIRE(flags->value == 2);  // SEQ_NEEDS_INCREMENTAL_STATE
      const auto now = static_cast<int64_t>(Must(packet, 8).value);
      REQUIRE(now >= sequence.last_ns);
      sequence.last_ns = now;
      Event(FieldsOf(event->bytes), now, sequence);
    }
  }

  void Descriptor(std::string_view bytes) {  // TrackDescriptor
    const auto fields = FieldsOf(bytes);
    const uint64_t uuid = Must(fields, 1).value;
    REQUIRE_FALSE(tracks_.contains(uuid));
    TrackState& track = tracks_[uuid];
    if (const auto process = Only(fields, 3)) {  // ProcessDescriptor
      const auto about = FieldsOf(process->bytes);
      REQUIRE(pids_.insert({Must(about, 1).value, uuid}).second);
      track.name = Must(about, 6).bytes;
      REQUIRE(Must(fields, 11).value == 3);  // ChildTracksOrdering EXPLICIT
      return;
    }
    track.parent = Must(fields, 5).value;
    REQUIRE(tracks_.contains(track.parent));
    track.name = Must(fields, 2).bytes;
    REQUIRE(Only(fields, 12).has_value());       // sibling_order_rank
    if (const auto counter = Only(fields, 8)) {  // CounterDescriptor
      track.unit = Must(FieldsOf(counter->bytes), 6).bytes;
    }
  }

  void Intern(std::string_view bytes, SequenceState& sequence) {
    for (const Field& field : FieldsOf(bytes)) {  // InternedData
      const bool known = field.number == 1 || field.number == 2 ||
                         field.number == 3 || field.number == 29;
      REQUIRE_MESSAGE(known, "InternedData field " << field.number);
      const auto entry = FieldsOf(field.bytes);
      const uint64_t iid = Must(entry, 1).value;
      REQUIRE(iid != 0);
      const bool is_new =
          sequence.texts.try_emplace({field.number, iid}, Must(entry, 2).bytes)
              .second;
      REQUIRE(is_new);
      if (field.number == 2) ++timeline_.names;
    }
  }

  void Event(const std::vector<Field>& event, int64_t now,
             SequenceState& sequence) {  // TrackEvent
    const TrackState& track = tracks_.at(sequence.track);
    const std::string& process = tracks_.at(track.parent).name;
    const uint64_t type = Must(event, 9).value;
    if (type == 4) {  // TYPE_COUNTER
      timeline_.counters[{process, track.name, track.unit}].emplace_back(
          now, Must(event, 44).AsDouble());
    } else if (type == 2) {  // TYPE_SLICE_END
      REQUIRE_FALSE(sequence.open.empty());
      sequence.open.back().end_ns = now;
      timeline_.slices.push_back(sequence.open.back());
      sequence.open.pop_back();
    } else {
      REQUIRE(type == 1);  // TYPE_SLICE_BEGIN
      ReadSlice slice = Begin(event, sequence);
      slice.process = process;
      slice.thread = track.name;
      slice.begin_ns = now;
      slice.depth = sequence.open.size();
      sequence.open.push_back(slice);
    }
  }

  static ReadSlice Begin(const std::vector<Field>& event,
                         const SequenceState& sequence) {
    ReadSlice slice;
    slice.name = sequence.texts.at({2, Must(event, 10).value});
    slice.category = sequence.texts.at({1, Must(event, 3).value});
    for (const Field& field : event) {
      if (field.number != 4) continue;
      const auto note = FieldsOf(field.bytes);  // DebugAnnotation
      const std::string& name = sequence.texts.at({3, Must(note, 1).value});
      if (name == "action") {
        slice.action = sequence.texts.at({29, Must(note, 17).value});
      } else if (name == "count") {
        slice.count = Must(note, 3).value;
      } else {
        REQUIRE(name == "energy_j");
        slice.energy_j = Must(note, 5).AsDouble();
      }
    }
    return slice;
  }

  std::map<uint64_t, SequenceState> sequences_;
  std::map<uint64_t, TrackState> tracks_;
  std::map<uint64_t, uint64_t> pids_;
  Timeline timeline_;
};

}  // namespace

Timeline ReadPerfettoTrace(std::string_view bytes) {
  return PerfettoReader().Read(bytes);
}

}  // namespace triptych
