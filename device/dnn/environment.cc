// SPDX-License-Identifier: Apache-2.0
#include "device/dnn/environment.h"

#include <cstdlib>
#include <mutex>
#include <string>

#include "common/io/file.h"
#include "device/dnn/dump.h"
#include "device/dnn/log.h"
#include "device/dnn/profiler.h"

namespace openhb::dnn {
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

// Runs fn(); an Error that it throws is told as the problem of `name`.
template <class Fn>
void attempt(const char* name, Fn fn) {
  try {
    fn();
  } catch (const Error& e) {
    OPENHB_LOG(Level::error, "Env", "{} has no effect: {}", name, e.what());
  }
}

// Never destroyed: runs may go on in other threads while the process ends.
struct Environment {
  std::vector<std::shared_ptr<Observer>> observers;
  std::shared_ptr<Profiler> profiler;
  std::string profile_folder;
};

Environment& environment() {
  static Environment& e = *new Environment;
  return e;
}

void write_profiles() noexcept try {
  attempt("HB_DNN_PROFILER_LOG_PATH", [] {
    std::string log, csv = profiler_csv_head();
    for (const ModelProfile& profile : environment().profiler->profiles()) {
      if (profile.running.count == 0) continue;
      log += (log.empty() ? "" : "***\n") + profiler_log(profile, observed_condition(profile));
      csv += profiler_csv(profile);
    }
    if (log.empty()) return;  // nothing ran
    write_file_atomically(environment().profile_folder + "/profiler.log", log);
    write_file_atomically(environment().profile_folder + "/profiler.csv", csv);
  });
} catch (const std::exception&) {
  // No memory at the end of the process: no profile.
}

void install() {
  Environment& e = environment();
  e.observers.clear();  // of an attempt that had not enough memory
  if (const std::string folder = variable("HB_DNN_PROFILER_LOG_PATH"); !folder.empty())
    attempt("HB_DNN_PROFILER_LOG_PATH", [&] {
      ensure_directory(folder);
      e.profile_folder = folder;
      e.profiler = std::make_shared<Profiler>();
      static const bool at_exit = std::atexit([] { write_profiles(); }) == 0;
      if (!at_exit) fail(ErrorCode::resources, "no function can be registered for the end of the process");
      e.observers.push_back(e.profiler);
    });
  const std::string folder = variable("HB_DNN_DUMP_PATH"), map = variable("HB_DNN_CONV_MAP_PATH");
  if (!folder.empty())
    attempt("HB_DNN_DUMP_PATH", [&] {
      ensure_directory(folder);
      if (map.empty())
        e.observers.push_back(std::make_shared<TensorDumper>(DumpOptions{.folder = folder}));
      else
        e.observers.push_back(std::make_shared<ConvDumper>(ConvMap::read(map), folder));
    });
  else if (!map.empty())
    OPENHB_LOG(Level::warning, "Env", "HB_DNN_CONV_MAP_PATH has no effect without HB_DNN_DUMP_PATH=folder");
  if (variable("HB_DNN_ENABLE_DSP") == "1")
    OPENHB_LOG(Level::info, "Env", "HB_DNN_ENABLE_DSP has no effect: there is no DSP");
  attempt("the environment", [&] {
    if (!e.observers.empty()) set_observer(std::make_shared<ObserverList>(e.observers));
  });
}

}  // namespace

void install_environment_observers() {
  static std::once_flag once;
  std::call_once(once, install);
}

void ObserverList::before(const engine::Model& model, engine::Session& session) {
  for (const auto& observer : observers_) observer->before(model, session);
}

void ObserverList::after(const engine::Model& model, engine::Session& session, const RunTimes& times,
                         int32_t status) {
  for (const auto& observer : observers_) observer->after(model, session, times, status);
}

ScopedObserver::ScopedObserver(std::shared_ptr<Observer> observer) {
  std::vector<std::shared_ptr<Observer>> all = environment().observers;
  all.push_back(std::move(observer));
  set_observer(std::make_shared<ObserverList>(std::move(all)));
}

ScopedObserver::~ScopedObserver() {
  const auto& rest = environment().observers;
  set_observer(rest.empty() ? nullptr : std::make_shared<ObserverList>(rest));
}

}  // namespace openhb::dnn
