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
  fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd_ < 0) {
    throw error<FileError>("{}: cannot open: {}.", path.string(), std::strerror(errno));
  }
  struct stat info {};
  if (::fstat(fd_, &info) != 0 || !S_ISREG(info.st_mode)) {
    ::close(fd_);
    throw error<FileError>("{}: is not a regular file.", path.string());
  }
  size_ = static_cast<size_t>(info.st_size);
  modified_ns_ = modified_ns(info);
  if (size_ > 0) {
    void* const address = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, fd_, 0);
    if (address == MAP_FAILED) {
      const int problem = errno;
      ::close(fd_);
      throw error<FileError>(
          "{}: cannot map into memory: {}.", path.string(), std::strerror(problem));
    }
    data_ = static_cast<const char*>(address);
  }
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      fd_(std::exchange(other.fd_, -1)),
      modified_ns_(other.modified_ns_) {}

MappedFile::~MappedFile() {
  if (data_ != nullptr) {
    ::munmap(const_cast<char*>(data_), size_);
  }
  if (fd_ >= 0) {
    ::close(fd_);
  }
}

bool MappedFile::changed() const {
  struct stat info {};
  return ::fstat(fd_, &info) != 0 || static_cast<size_t>(info.st_size) != size_ ||
         modified_ns(info) != modified_ns_;
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
