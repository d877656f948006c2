// SPDX-License-Identifier: MIT
#include "flops_fit/data/mapped_file.h"

#include "flops_fit/data/zipf/random.h"
#include "flops_fit/util/error.h"

#include <array>
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

int64_t modified_ns(const struct stat& info) {
  return static_cast<int64_t>(info.st_mtim.tv_sec) * 1'000'000'000 + info.st_mtim.tv_nsec;
}

}  // namespace

MappedFile::MappedFile(const std::filesystem::path& path) : path_(path) {
  // Without O_NONBLOCK, opening a pipe that nobody writes to would wait for ever.
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) {
    throw error<FileError>("{}: cannot open: {}.", path.string(), std::strerror(errno));
  }
  struct stat info {};
  if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    ::close(fd);
    throw error<FileError>("{}: is not a regular file.", path.string());
  }
  size_ = static_cast<size_t>(info.st_size);
  inode_ = info.st_ino;
  modified_ns_ = modified_ns(info);
  void* const address = size_ > 0 ? ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, fd, 0) : nullptr;
  const int problem = errno;
  ::close(fd);  // a corpus may be of more files than a process may hold open
  if (address == MAP_FAILED) {
    throw error<FileError>(
        "{}: cannot map into memory: {}.", path.string(), std::strerror(problem));
  }
  data_ = static_cast<const char*>(address);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      inode_(other.inode_),
      modified_ns_(other.modified_ns_) {}

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
  return static_cast<size_t>(info.st_size) != size_ || modified_ns(info) != modified_ns_;
}

uint64_t content_hash(std::string_view bytes) {
  // Four independent lanes, so that the multiplications overlap.
  std::array<uint64_t, 4> lanes = {1, 2, 3, 4};
  const auto absorb = [&](const char* block) {
    for (size_t lane = 0; lane < 4; ++lane) {
      uint64_t word = 0;
      std::memcpy(&word, block + 8 * lane, 8);
      lanes[lane] = std::rotl((lanes[lane] ^ word) * 0x9E3779B97F4A7C15ULL, 29);
    }
  };
  size_t at = 0;
  for (; at + 32 <= bytes.size(); at += 32) {
    absorb(bytes.data() + at);
  }
  std::array<char, 32> tail{};
  if (at < bytes.size()) {
    std::memcpy(tail.data(), bytes.data() + at, bytes.size() - at);
  }
  absorb(tail.data());
  uint64_t hash = bytes.size();
  for (const uint64_t lane : lanes) {
    hash = zipf::mix(hash ^ lane);
  }
  return hash;
}

}  // namespace ff::data
