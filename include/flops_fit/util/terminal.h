// SPDX-License-Identifier: MIT
#pragma once
// What may be written to a terminal. Ids, file names and a service's answers may hold escape
// sequences, which would set its title, colour it, or write over what stands there.
#include <string>
#include <string_view>

namespace ff {

enum class Newlines { kBlank, kKeep };

/// `text` with nothing in it that a terminal obeys: control characters (C0, DEL, C1), marks that
/// turn the direction of writing or hide, and line separators appear as \x1b or \u202e. Newlines
/// and tabs are kept or become blanks; what is no UTF-8 becomes U+FFFD.
[[nodiscard]] std::string printable_text(std::string_view text,
                                         Newlines newlines = Newlines::kBlank);

/// Writes to stderr as it is. What cannot be written (a full disk behind a redirection) is lost
/// without a word, as there is nobody to tell, and is no reason to stop.
void write_to_stderr(std::string_view text) noexcept;

/// Flushes stdout. Empty if all that was printed is written; else the system's words for why not.
[[nodiscard]] std::string stdout_problem();

}  // namespace ff
