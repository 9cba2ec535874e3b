// SPDX-License-Identifier: Apache-2.0
// client_cxx MODEL.bin: threads and exceptions of the client's own C++ library beside those inside libdnn,
// which may be of another version.
#include <iostream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "dnn/hb_dnn.h"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const std::string none = "/nowhere/none.bin";
  std::vector<int32_t> statuses(4, 0);
  std::vector<std::thread> threads;
  for (auto& status : statuses)
    threads.emplace_back([&] {
      hbPackedDNNHandle_t pack = nullptr;
      const char* file = none.c_str();
      status = hbDNNInitializeFromFiles(&pack, &file, 1);  // throws and catches inside the library
      file = argv[1];
      if (hbDNNInitializeFromFiles(&pack, &file, 1) == HB_DNN_SUCCESS && hbDNNRelease(pack) == HB_DNN_SUCCESS)
        status -= HB_DNN_CAN_NOT_OPEN_FILE;
    });
  for (auto& thread : threads) thread.join();
  try {
    for (int32_t status : statuses)
      if (status != 0) throw std::runtime_error("status " + std::to_string(status));
    throw std::out_of_range("ok");
  } catch (const std::out_of_range& e) {
    std::cout << e.what() << "\n";
    return 0;
  } catch (const std::exception& e) {
    std::cout << e.what() << "\n";
    return 1;
  }
}
