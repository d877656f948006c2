// SPDX-License-Identifier: MIT
#include "flops_fit/train/tensorboard.h"

#include <fmt/format.h>

#include <bit>
#include <chrono>
#include <string>
#include <unistd.h>

namespace ff::train {
namespace {

double now_s() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

template <class Unsigned>
void append_little_endian(std::string& out, Unsigned value) {
  for (size_t i = 0; i < sizeof(value); ++i) {
    out.push_back(static_cast<char>(value >> (8 * i) & 0xff));
  }
}

// Protobuf's wire format: a key (field << 3 | type), then the value.
enum WireType : uint64_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

void append_varint(std::string& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) {
    out.push_back(static_cast<char>(value | 0x80));
  }
  out.push_back(static_cast<char>(value));
}

void append_key(std::string& out, uint64_t field, WireType type) {
  append_varint(out, field << 3 | type);
}

void append_bytes(std::string& out, uint64_t field, std::string_view bytes) {
  append_key(out, field, kBytes);
  append_varint(out, bytes.size());
  out.append(bytes);
}

/// Event.wall_time = 1.
std::string event_now() {
  std::string event;
  append_key(event, 1, kFixed64);
  append_little_endian(event, std::bit_cast<uint64_t>(now_s()));
  return event;
}

/// TFRecord stores checksums rotated and offset.
uint32_t masked_crc(std::string_view bytes) {
  const uint32_t crc = crc32c(bytes);
  return (crc >> 15 | crc << 17) + 0xa282ead8U;
}

}  // namespace

uint32_t crc32c(std::string_view bytes) {
  uint32_t crc = 0xffffffffU;
  for (const char byte : bytes) {
    crc ^= static_cast<unsigned char>(byte);
    for (int bit = 0; bit < 8; ++bit) {
      crc = crc >> 1 ^ (0x82f63b78U & (0U - (crc & 1U)));
    }
  }
  return ~crc;
}

EventWriter::EventWriter(const std::filesystem::path& folder, int64_t step)
    : out_(folder / fmt::format("events.out.tfevents.{:.0f}.{}", now_s(), ::getpid())) {
  out_.cut(0);  // an attempt that diverged within the same second
  std::string event = event_now();
  append_bytes(event, 3, "brain.Event:2");  // Event.file_version
  record(event);
  if (step > 0) {
    std::string start = event_now();
    append_key(start, 2, kVarint);  // Event.step
    append_varint(start, static_cast<uint64_t>(step + 1));
    append_bytes(start, 7, "\x08\x01");  // Event.session_log = {status: START}
    record(start);
  }
}

void EventWriter::scalar(std::string_view tag, int64_t step, float value) {
  std::string entry;
  append_bytes(entry, 1, tag);     // Summary.Value.tag
  append_key(entry, 2, kFixed32);  // Summary.Value.simple_value
  append_little_endian(entry, std::bit_cast<uint32_t>(value));
  std::string summary;
  append_bytes(summary, 1, entry);
  std::string event = event_now();
  append_key(event, 2, kVarint);  // Event.step
  append_varint(event, static_cast<uint64_t>(step));
  append_bytes(event, 5, summary);
  record(event);
}

void EventWriter::record(std::string_view event) {
  std::string framed;
  append_little_endian(framed, static_cast<uint64_t>(event.size()));
  append_little_endian(framed, masked_crc(framed));
  framed.append(event);
  append_little_endian(framed, masked_crc(event));
  out_.append(framed);
}

}  // namespace ff::train
