# Every third-party package, found by name. The differences between Debian 12 and 13 live in this
# file alone; the rest of the build sees the ff_dep_* targets.

find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(CLI11 REQUIRED)
find_package(Ceres REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(CURL REQUIRED)

# ff_dependency(name targets...): one interface target per package, its headers SYSTEM.
function(ff_dependency name)
  add_library(${name} INTERFACE)
  target_link_libraries(${name} INTERFACE ${ARGN})
endfunction()

ff_dependency(ff_dep_crypto OpenSSL::Crypto)
ff_dependency(ff_dep_json nlohmann_json::nlohmann_json)
ff_dependency(ff_dep_fmt fmt::fmt)
ff_dependency(ff_dep_spdlog spdlog::spdlog)
ff_dependency(ff_dep_cli11 CLI11::CLI11)
ff_dependency(ff_dep_ceres Ceres::ceres)
ff_dependency(ff_dep_curl CURL::libcurl)

# yaml-cpp 0.7 (Debian 12) exports `yaml-cpp`, 0.8 (Debian 13) `yaml-cpp::yaml-cpp`.
if(TARGET yaml-cpp::yaml-cpp)
  ff_dependency(ff_dep_yaml yaml-cpp::yaml-cpp)
else()
  ff_dependency(ff_dep_yaml yaml-cpp)
endif()

# sentencepiece ships no CMake package in either release. Only ff-tokenize may link it: a process
# that loads both libtorch and libsentencepiece dies before main(), because libsentencepiece exports
# an old protobuf of its own.
pkg_check_modules(SENTENCEPIECE REQUIRED IMPORTED_TARGET sentencepiece)
ff_dependency(ff_dep_sentencepiece PkgConfig::SENTENCEPIECE)

# LibTorch: 1.13 in Debian 12, 2.6 in Debian 13, or one from pytorch.org through CMAKE_PREFIX_PATH.
# Only ff-train may link it: TORCH_LIBRARIES forces --no-as-needed, and loading its shared objects
# takes 0.4 s.
if(FF_TRAIN)
  find_package(Torch REQUIRED)
  ff_dependency(ff_dep_torch ${TORCH_LIBRARIES})
  target_include_directories(ff_dep_torch SYSTEM INTERFACE ${TORCH_INCLUDE_DIRS})
  separate_arguments(ff_torch_flags NATIVE_COMMAND "${TORCH_CXX_FLAGS}")
  target_compile_options(ff_dep_torch INTERFACE ${ff_torch_flags})
endif()

# Catch2 2.13 (Debian 12) or 3.7 (Debian 13); tests/support/catch.h picks the header.
if(FF_TESTS)
  find_package(Catch2 REQUIRED)
  ff_dependency(ff_dep_catch2 Catch2::Catch2WithMain)
  include(Catch)

  # The tests' HTTP server. pkg-config knows it in both releases (a shared library in 12 and 13); its
  # header needs OpenSSL's.
  pkg_check_modules(HTTPLIB REQUIRED IMPORTED_TARGET cpp-httplib)
  find_package(OpenSSL REQUIRED)
  ff_dependency(ff_dep_httplib PkgConfig::HTTPLIB OpenSSL::SSL OpenSSL::Crypto)
endif()
