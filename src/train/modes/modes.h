// SPDX-License-Identifier: MIT
#pragma once
// One file per mode; src/train/run_one.cpp lists them.
#include "flops_fit/train/run_one.h"

namespace ff::train {

void check_local(const std::vector<io::Experiment>& sweep, const TrainConfig& config);
std::string local_data_identity(const TrainConfig& config);
std::string local_config_identity(const TrainConfig& config);
io::Json local_trained(const io::Experiment& experiment, const TrainConfig& config);
RunNeeds local_needs(const RunRequest& request);
io::RunResult run_local(const RunRequest& request);

void check_mock(const std::vector<io::Experiment>& sweep, const TrainConfig& config);
std::string mock_data_identity(const TrainConfig& config);
std::string mock_config_identity(const TrainConfig& config);
io::Json mock_trained(const io::Experiment& experiment, const TrainConfig& config);
io::RunResult run_mock(const RunRequest& request);

void check_api(const std::vector<io::Experiment>& sweep, const TrainConfig& config);
std::string api_data_identity(const TrainConfig& config);
std::string api_config_identity(const TrainConfig& config);
io::Json api_trained(const io::Experiment& experiment, const TrainConfig& config);
io::RunResult run_api(const RunRequest& request);
int64_t api_at_once(const TrainConfig& config);
void check_api_budget(std::span<const RunRequest> requests, const TrainConfig& config);

}  // namespace ff::train
