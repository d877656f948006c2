// SPDX-License-Identifier: MIT
#include "flops_fit/util/log.h"

#include "flops_fit/util/terminal.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <cstdlib>
#include <ctime>
#include <memory>
#include <string>
#include <string_view>

namespace ff {
namespace {

/// The level in front of a message, except of ordinary ones.
class LevelPrefix final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message,
              const std::tm&,
              spdlog::memory_buf_t& out) override {
    std::string_view prefix;
    switch (message.level) {
      case spdlog::level::warn:
        prefix = "warning: ";
        break;
      case spdlog::level::err:
      case spdlog::level::critical:
        prefix = "error: ";
        break;
      case spdlog::level::trace:
      case spdlog::level::debug:
        prefix = "debug: ";
        break;
      default:
        break;
    }
    out.append(prefix.data(), prefix.data() + prefix.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<LevelPrefix>();
  }
};

/// The message, as a terminal may see it.
class PrintableMessage final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message,
              const std::tm&,
              spdlog::memory_buf_t& out) override {
    const std::string text = printable_text({message.payload.data(), message.payload.size()});
    out.append(text.data(), text.data() + text.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<PrintableMessage>();
  }
};

}  // namespace

void init_logging(Verbosity verbosity) {
  const char* no_color = std::getenv("NO_COLOR");
  const bool plain = no_color != nullptr && *no_color != '\0';
  auto sink = std::make_shared<spdlog::sinks::stderr_color_sink_mt>(
      plain ? spdlog::color_mode::never : spdlog::color_mode::automatic);
  // Only the prefix is coloured; ordinary lines stay as they are.
  auto formatter = std::make_unique<spdlog::pattern_formatter>();
  formatter->add_flag<LevelPrefix>('*').add_flag<PrintableMessage>('&').set_pattern("%^%*%$%&");
  auto logger = std::make_shared<spdlog::logger>("ff", std::move(sink));
  logger->set_formatter(std::move(formatter));
  logger->set_level(verbosity == Verbosity::kQuiet    ? spdlog::level::warn
                    : verbosity == Verbosity::kNormal ? spdlog::level::info
                                                      : spdlog::level::debug);
  spdlog::set_default_logger(std::move(logger));
}

}  // namespace ff
