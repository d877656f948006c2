// SPDX-License-Identifier: MIT
#pragma once
// How SIGINT (Ctrl-C), SIGTERM and SIGHUP (a closed terminal) end a program. Programs that have
// work to save install stop handlers: the first signal sets a flag that loops look at, a second one
// ends the process at once. All others install cleanup handlers: the first signal ends the process.
// Whatever way a signal ends the process, its temporary files, scratch folders and child processes
// go with it. Both handlers also make a write to a closed pipe (SIGPIPE) or beyond `ulimit -f`
// (SIGXFSZ) fail with EPIPE or EFBIG, in place of killing the program.
#include <csignal>
#include <sys/types.h>

namespace ff {

/// Opens /dev/null on those of the descriptors 0, 1 and 2 that are closed, so that no file of ours
/// gets one of these numbers, and with it what is meant for the terminal. The first line of main().
void open_standard_descriptors();

/// Ends the process after cleaning up, as the signal itself would have (a shell sees 128 + signal).
/// A signal that is ignored at the start stays so.
void install_cleanup_handlers();

/// Takes the place of install_cleanup_handlers(). SIGHUP stays ignored where it was at the start
/// (nohup). A second signal within 0.2 s is the first one: timeout(1) sends SIGTERM twice, a
/// closing terminal SIGHUP, and systemd SIGTERM and SIGHUP.
void install_stop_handlers();

/// 0, or the signal that asked the program to stop.
[[nodiscard]] int stop_signal();

/// Forgets the signal, for tests.
void clear_stop_signal();

/// While it lives, signals wait: for the moment between starting a child and kill_on_stop(). The
/// child is to be started with an empty signal mask (POSIX_SPAWN_SETSIGMASK), as it inherits ours.
class HeldSignals {
 public:
  HeldSignals();
  ~HeldSignals();
  HeldSignals(const HeldSignals&) = delete;
  HeldSignals& operator=(const HeldSignals&) = delete;

 private:
  sigset_t old_{};
};

/// The process group `group` is killed (SIGKILL) if a signal ends this process. There is room for
/// 64 groups; one more is not killed.
void kill_on_stop(pid_t group);
/// To be called as soon as the child was waited for: its number may soon be somebody else's.
void forget_child(pid_t group);

namespace detail {
/// `path` must be absolute, and stay where it is in memory until forget_path().
void remove_file_on_stop(const char* path);
void remove_folder_on_stop(const char* path);
void forget_path(const char* path);
}  // namespace detail

}  // namespace ff
