// Perfetto's TrackEvent packets.
//
// Field numbers are those of github.com/google/perfetto, protos/perfetto/trace:
// trace.proto, trace_packet.proto, trace_packet_defaults.proto,
// interned_data/interned_data.proto and track_event/{track_descriptor,
// process_descriptor,counter_descriptor,track_event,debug_annotation}.proto.
//
// Each thread and each counter is a packet sequence of its own. Its first
// packet names the track that its events are on; a text is spelled out where
// the sequence first uses it, and is a number from then on.
// SPDX-License-Identifier: Apache-2.0
#include <map>
#include <vector>

#include "emulators/trace_proto.h"
#include "emulators/trace_sink.h"
#include "models/ops/op.h"

namespace triptych {
namespace {

namespace trace {
constexpr uint32_t kPacket = 1;
}
namespace packet {
constexpr uint32_t kTimestamp = 8, kSequenceId = 10, kTrackEvent = 11,
                   kInternedData = 12, kSequenceFlags = 13, kDefaults = 59,
                   kTrackDescriptor = 60, kFirstOnSequence = 87;
// SequenceFlags
constexpr uint64_t kStateCleared = 1, kNeedsState = 2;
}  // namespace packet
namespace defaults {
constexpr uint32_t kTrackEvent = 11, kTrackUuid = 11;
}
namespace descriptor {
constexpr uint32_t kUuid = 1, kName = 2, kProcess = 3, kParentUuid = 5,
                   kCounter = 8, kChildOrdering = 11, kSiblingRank = 12;
constexpr uint64_t kExplicit = 3;  // ChildTracksOrdering
constexpr uint32_t kPid = 1, kProcessName = 6;
constexpr uint32_t kUnitName = 6;
}  // namespace descriptor
namespace event {
constexpr uint32_t kCategoryIids = 3, kAnnotations = 4, kType = 9,
                   kNameIid = 10, kDoubleCounterValue = 44;
constexpr uint64_t kSliceBegin = 1, kSliceEnd = 2, kCounter = 4;  // Type
}  // namespace event
namespace annotation {
constexpr uint32_t kNameIid = 1, kUint = 3, kDouble = 5, kStringIid = 17;
}
// Where InternedData keeps texts of a kind; each is {1: iid, 2: text}.
enum class Interned : uint32_t {
  kCategory = 1,
  kEventName = 2,
  kAnnotationName = 3,
  kAnnotationString = 29,
};

// The texts that one sequence has spelled out so far.
class Interner {
 public:
  // The number of `text`. The first time it is also added to `news`.
  uint64_t Of(Interned kind, std::string_view text, ProtoMessage& news) {
    auto& known = known_[kind];
    const auto [at, is_new] = known.try_emplace(text, known.size() + 1);
    if (is_new) {
      news.Message(static_cast<uint32_t>(kind),
                   ProtoMessage().Uint(1, at->second).Text(2, text));
    }
    return at->second;
  }

 private:
  std::map<Interned, std::map<std::string_view, uint64_t>> known_;
};

class PerfettoSink : public TraceSink {
 public:
  explicit PerfettoSink(std::ostream& out) : out_(out) {}

  // Tracks are numbered in the order in which they are opened, and shown so.
  void Process(const Track& track) override {
    track_ = &track;
    interners_.clear();
    process_ = ++last_uuid_;
    ++pid_;
    Packet(
        ProtoMessage()
            .Uint(packet::kSequenceId, process_)
            .Message(
                packet::kTrackDescriptor,
                ProtoMessage()
                    .Uint(descriptor::kUuid, process_)
                    .Message(descriptor::kProcess,
                             ProtoMessage()
                                 .Uint(descriptor::kPid, pid_)
                                 .Text(descriptor::kProcessName, track.name))
                    .Uint(descriptor::kChildOrdering, descriptor::kExplicit)));
  }

  uint32_t Thread(std::string_view name) override {
    return Open(ProtoMessage().Text(descriptor::kName, name));
  }

  uint32_t Counter(std::string_view name, std::string_view unit) override {
    return Open(ProtoMessage()
                    .Text(descriptor::kName, name)
                    .Message(descriptor::kCounter,
                             ProtoMessage().Text(descriptor::kUnitName, unit)));
  }

  void Begin(uint32_t thread, const Charge& charge) override {
    const Node& node = track_->graph->node(charge.node);
    Interner& texts = interners_[thread];
    ProtoMessage news;
    const auto argument = [&](std::string_view name) {
      return ProtoMessage().Uint(
          annotation::kNameIid,
          texts.Of(Interned::kAnnotationName, name, news));
    };
    ProtoMessage slice;
    slice.Uint(event::kType, event::kSliceBegin)
        .Uint(event::kNameIid, texts.Of(Interned::kEventName, node.name, news))
        .Uint(event::kCategoryIids,
              texts.Of(Interned::kCategory, node.op->name, news))
        .Message(event::kAnnotations,
                 argument("action").Uint(
                     annotation::kStringIid,
                     texts.Of(Interned::kAnnotationString,
                              ActionOf(*track_, charge).name, news)))
        .Message(event::kAnnotations,
                 argument("count").Uint(annotation::kUint, charge.count))
        .Message(
            event::kAnnotations,
            argument("energy_j")
                .Double(annotation::kDouble, EnergyOf(*track_, charge).value));
    ProtoMessage whole = At(thread, charge.begin);
    if (!news.empty()) whole.Message(packet::kInternedData, news);
    Packet(whole.Message(packet::kTrackEvent, slice));
  }

  void End(uint32_t thread, Picos at) override {
    Packet(At(thread, at)
               .Message(packet::kTrackEvent,
                        ProtoMessage().Uint(event::kType, event::kSliceEnd)));
  }

  void Count(uint32_t counter, Picos at, double value) override {
    Packet(At(counter, at)
               .Message(packet::kTrackEvent,
                        ProtoMessage()
                            .Uint(event::kType, event::kCounter)
                            .Double(event::kDoubleCounterValue, value)));
  }

 private:
  // A track of the process at hand, and the sequence for its events.
  uint32_t Open(ProtoMessage track) {
    const uint32_t uuid = ++last_uuid_;
    track.Uint(descriptor::kUuid, uuid)
        .Uint(descriptor::kParentUuid, process_)
        .Uint(descriptor::kSiblingRank, uuid);
    const ProtoMessage events_on =
        ProtoMessage().Uint(defaults::kTrackUuid, uuid);
    Packet(
        ProtoMessage()
            .Uint(packet::kSequenceId, uuid)
            .Uint(packet::kFirstOnSequence, 1)
            .Uint(packet::kSequenceFlags, packet::kStateCleared)
            .Message(packet::kDefaults,
                     ProtoMessage().Message(defaults::kTrackEvent, events_on))
            .Message(packet::kTrackDescriptor, track));
    return uuid;
  }

  // Rounding down keeps the order of times, and with it the nesting.
  static ProtoMessage At(uint32_t sequence, Picos at) {
    return ProtoMessage()
        .Uint(packet::kTimestamp,
              static_cast<uint64_t>(at.value / kPicosPerNano))
        .Uint(packet::kSequenceId, sequence)
        .Uint(packet::kSequenceFlags, packet::kNeedsState);
  }

  void Packet(const ProtoMessage& message) {
    const ProtoMessage framed = ProtoMessage().Message(trace::kPacket, message);
    out_.write(framed.bytes().data(),
               static_cast<std::streamsize>(framed.bytes().size()));
  }

  std::ostream& out_;
  const Track* track_ = nullptr;
  uint32_t process_ = 0, last_uuid_ = 0, pid_ = 0;
  std::map<uint32_t, Interner> interners_;  // of the process at hand
};

}  // namespace

std::unique_ptr<TraceSink> MakePerfettoSink(std::ostream& out) {
  return std::make_unique<PerfettoSink>(out);
}

}  // namespace triptych
