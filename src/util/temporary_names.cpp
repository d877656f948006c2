// SPDX-License-Identifier: MIT
#include "temporary_names.h"

#include "flops_fit/util/hash.h"
#include "flops_fit/util/machine.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <random>
#include <sys/random.h>
#include <unistd.h>
#include <vector>

namespace ff::detail {
namespace {

constexpr std::string_view kEnd = ".tmp";
constexpr std::string_view kUnlocked = "unlocked";
constexpr size_t kHashDigits = 16;
constexpr size_t kMostHostBytes = 32;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_hex(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f');
}
bool is_host(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
}

bool is_number(std::string_view text) {
  return !text.empty() && text.size() <= 10 && std::all_of(text.begin(), text.end(), is_digit);
}
bool is_hash(std::string_view text) {
  return text.size() == kHashDigits && std::all_of(text.begin(), text.end(), is_hex);
}

uint64_t random_bits() {
  uint64_t bits = 0;
  ssize_t count = 0;
  do {
    count = ::getrandom(&bits, sizeof bits, 0);
  } while (count < 0 && errno == EINTR);
  if (count != sizeof bits) {
    std::random_device device;  // a kernel or sandbox without getrandom()
    bits = uint64_t{device()} << 32 | device();
  }
  return bits;
}

/// The host's name is for people; two machines may have the same one.
const std::string& this_host() {
  static const std::string kHost = [] {
    std::string name = host_name().substr(0, kMostHostBytes);
    std::replace_if(
        name.begin(), name.end(), [](char c) { return !is_host(c); }, '_');
    return name;
  }();
  return kHost;
}

/// Empty where the kernel does not say: then nothing is known to be of this machine.
const std::string& this_boot() {
  static const std::string kBoot = [] {
    const std::string id = boot_id();
    return id.empty() ? std::string() : hash_text(fnv1a(id));
  }();
  return kBoot;
}

/// The last part of `text` after a '.', which it loses with the '.'; empty if there is none.
std::string_view take_last(std::string_view& text) {
  const size_t dot = text.rfind('.');
  if (dot == std::string_view::npos) {
    return {};
  }
  const std::string_view part = text.substr(dot + 1);
  text = text.substr(0, dot);
  return part;
}

/// At most `bytes` of it, and no half of a UTF-8 character, which some file systems refuse.
std::string_view cut(std::string_view text, size_t bytes) {
  if (text.size() <= bytes) {
    return text;
  }
  while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xC0) == 0x80) {
    --bytes;
  }
  return text.substr(0, bytes);
}

}  // namespace

std::string temporary_name(const std::string& target, bool lockable, size_t most_bytes) {
  const std::string end =
      fmt::format(".{}-{}.{}.{}{}",
                  this_host(),
                  lockable && !this_boot().empty() ? std::string_view(this_boot()) : kUnlocked,
                  ::getpid(),
                  hash_text(random_bits()),
                  kEnd);
  const size_t left = most_bytes > end.size() + 2 ? most_bytes - end.size() - 1 : 1;
  return fmt::format(".{}{}", cut(target, left), end);
}

TemporaryKind temporary_kind(std::string_view name) {
  if (!name.starts_with('.') || !name.ends_with(kEnd)) {
    return TemporaryKind::kNone;
  }
  name = name.substr(1, name.size() - 1 - kEnd.size());
  const std::string_view random = take_last(name);
  const std::string_view pid = take_last(name);
  if (!is_number(pid) || !is_hash(random) || name.empty()) {
    return TemporaryKind::kNone;
  }
  const std::string_view host = take_last(name);
  const size_t dash = host.rfind('-');
  if (name.empty() || dash == std::string_view::npos || dash == 0 || dash > kMostHostBytes ||
      !std::all_of(host.begin(), host.end(), is_host)) {
    return TemporaryKind::kNone;
  }
  const std::string_view boot = host.substr(dash + 1);
  if (boot == this_boot() && !boot.empty()) {
    return TemporaryKind::kThisBoot;
  }
  return is_hash(boot) || boot == kUnlocked ? TemporaryKind::kElsewhere : TemporaryKind::kNone;
}

}  // namespace ff::detail
