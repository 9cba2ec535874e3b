/* SPDX-License-Identifier: Apache-2.0 */
/* client MODEL.bin INPUT.bin RUNS: an application that knows the C API only. For tests of what environment
 * variables make of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dnn/hb_dnn.h"

static void check(int32_t status, const char* what) {
  if (status == HB_DNN_SUCCESS) return;
  fprintf(stderr, "%s: %d\n", what, (int)status);
  exit(1);
}

static hbDNNTensor* make_tensors(hbDNNHandle_t model, int32_t count, int inputs) {
  hbDNNTensor* tensors = calloc((size_t)count, sizeof(hbDNNTensor));
  for (int32_t i = 0; tensors && i < count; ++i) {
    hbDNNTensorProperties* properties = &tensors[i].properties;
    check(inputs ? hbDNNGetInputTensorProperties(properties, model, i)
                 : hbDNNGetOutputTensorProperties(properties, model, i),
          "properties");
    check(hbSysAllocCachedMem(&tensors[i].sysMem[0], (uint32_t)properties->alignedByteSize), "memory");
  }
  return tensors;
}

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  const char* path = argv[1];
  const char** names = NULL;
  int32_t count = 0, inputs = 0, outputs = 0;
  hbPackedDNNHandle_t package = NULL;
  hbDNNHandle_t model = NULL;
  check(hbDNNInitializeFromFiles(&package, &path, 1), "load");
  check(hbDNNGetModelNameList(&names, &count, package), "names");
  check(hbDNNGetModelHandle(&model, package, names[0]), "handle");
  check(hbDNNGetInputCount(&inputs, model), "inputs");
  check(hbDNNGetOutputCount(&outputs, model), "outputs");
  hbDNNTensor* input = make_tensors(model, inputs, 1);
  hbDNNTensor* output = make_tensors(model, outputs, 0);
  FILE* file = fopen(argv[2], "rb");
  if (!file ||
      fread(input[0].sysMem[0].virAddr, 1, input[0].sysMem[0].memSize, file) != input[0].sysMem[0].memSize)
    return 1;
  fclose(file);
  check(hbSysFlushMem(&input[0].sysMem[0], HB_SYS_MEM_CACHE_CLEAN), "flush");
  for (int i = 0; i < atoi(argv[3]); ++i) {
    hbDNNInferCtrlParam control;
    HB_DNN_INITIALIZE_INFER_CTRL_PARAM(&control);
    hbDNNTaskHandle_t task = NULL;
    check(hbDNNInfer(&task, &output, input, model, &control), "infer");
    check(hbDNNWaitTaskDone(task, 0), "wait");
    check(hbDNNReleaseTask(task), "release");
  }
  for (int32_t i = 0; i < inputs; ++i) hbSysFreeMem(&input[i].sysMem[0]);
  for (int32_t i = 0; i < outputs; ++i) hbSysFreeMem(&output[i].sysMem[0]);
  free(input);
  free(output);
  check(hbDNNRelease(package), "unload");
  if (getenv("CLIENT_ABORTS")) abort();
  return 0;
}
