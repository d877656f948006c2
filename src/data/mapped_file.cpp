// SPDX-License-Identifier: MIT
#include "flops_fit/data/mapped_file.h"

#include "flops_fit/data/zipf/random.h"
#include "flops_fit/util/error.h"
#include "flops_fit/util/long_work.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace ff::data {
namespace {

int64_t nanoseconds(const timespec& time) {
  return static_cast<int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

MappedFile::MappedFile(const std::filesystem::path& path) : path_(path) {
  // Without O_NONBLOCK, opening a pipe that nobody writes to would wait for ever.
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) {
    throw_read_error(path, "open", errno);
  }
  struct stat info {};
  if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    ::close(fd);
    throw error<FileError>("{}: is not a regular file.", path.string());
  }
  size_ = static_cast<size_t>(info.st_size);
  inode_ = info.st_ino;
  modified_ns_ = nanoseconds(info.st_mtim);
  changed_ns_ = nanoseconds(info.st_ctim);
  void* const address = size_ > 0 ? ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, fd, 0) : nullptr;
  const int problem = errno;
  ::close(fd);  // a corpus may be of more files than a process may hold open
  if (address == MAP_FAILED) {
    throw_read_error(path, "map into memory", problem);
  }
  data_ = static_cast<const char*>(address);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      inode_(other.inode_),
      modified_ns_(other.modified_ns_),
      changed_ns_(other.changed_ns_) {}

MappedFile::~MappedFile() {
  if (data_ != nullptr) {
    ::munmap(const_cast<char*>(data_), size_);
  }
}

bool MappedFile::changed() const {
  struct stat info {};
  if (::stat(path_.c_str(), &info) != 0 || info.st_ino != inode_) {
    return false;  // removed, or another file took the name: ours lives on as it was
  }
  return static_cast<size_t>(info.st_size) != size_ || nanoseconds(info.st_mtim) != modified_ns_;
}

std::string MappedFile::stamp() const {
  return fmt::format("{} bytes inode {} {} {}", size_, inode_, modified_ns_, changed_ns_);
}

void ContentHash::absorb(const char* blocks, size_t count) {
  // Four independent lanes, so that the multiplications overlap. Each step is a bijection of its
  // lane, so that a change within one lane cannot get lost.
  std::array<uint64_t, kLanes> lanes = lanes_;
  for (size_t block = 0; block < count; ++block) {
    for (size_t lane = 0; lane < kLanes; ++lane) {
      uint64_t word = 0;
      std::memcpy(&word, blocks + block * kBlock + 8 * lane, 8);
      lanes[lane] = std::rotl((lanes[lane] ^ word) * 0x9E3779B97F4A7C15ULL, 29);
    }
  }
  lanes_ = lanes;
}

void ContentHash::add(std::string_view bytes) {
  const size_t pending = size_ % kBlock;
  size_ += bytes.size();
  if (pending > 0) {
    const size_t taken = std::min(kBlock - pending, bytes.size());
    std::copy_n(bytes.data(), taken, pending_.data() + pending);
    bytes.remove_prefix(taken);
    if (pending + taken < kBlock) {
      return;
    }
    absorb(pending_.data(), 1);
  }
  const size_t whole = bytes.size() / kBlock;
  absorb(bytes.data(), whole);
  bytes.remove_prefix(whole * kBlock);
  std::copy_n(bytes.data(), bytes.size(), pending_.data());
}

uint64_t ContentHash::value() const {
  ContentHash last = *this;
  std::fill(last.pending_.begin() + static_cast<std::ptrdiff_t>(size_ % kBlock),
            last.pending_.end(),
            '\0');
  last.absorb(last.pending_.data(), 1);
  uint64_t hash = size_;
  for (const uint64_t lane : last.lanes_) {
    hash = zipf::mix(hash ^ lane);
  }
  return hash;
}

uint64_t content_hash(std::string_view bytes) {
  ContentHash hash;
  hash.add(bytes);
  return hash.value();
}

uint64_t content_hash(std::string_view bytes, LongWork& work) {
  constexpr size_t kPart = size_t{4} << 20;
  ContentHash hash;
  for (size_t at = 0; at < bytes.size(); at += kPart) {
    const std::string_view part = bytes.substr(at, kPart);
    hash.add(part);
    work.add(static_cast<int64_t>(part.size()));
  }
  return hash.value();
}

}  // namespace ff::data
