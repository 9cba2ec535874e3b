/* SPDX-License-Identifier: Apache-2.0 */
/* A plain C99 application, written the way applications of this interface are: the whole order of use, one
 * model, the best classes of its first output. Usage: classify MODEL RAW_INPUT TOP_K */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dnn/hb_dnn.h"
#include "dnn/hb_sys.h"

#define HB_CHECK_SUCCESS(value, errmsg)                       \
  do {                                                        \
    int32_t ret_code = (value);                               \
    if (ret_code != 0) {                                      \
      fprintf(stderr, "%s, error code:%d", errmsg, ret_code); \
      return ret_code;                                        \
    }                                                         \
  } while (0)

typedef struct {
  int id;
  float score;
} Classification;

static int compare(const void* left, const void* right) {
  const Classification* a = left;
  const Classification* b = right;
  if (a->score != b->score) return a->score < b->score ? 1 : -1;
  return a->id - b->id;
}

static int prepare_tensors(hbDNNTensor** tensors, int32_t* count, hbDNNHandle_t dnn_handle, int input) {
  int32_t i;
  if (input)
    HB_CHECK_SUCCESS(hbDNNGetInputCount(count, dnn_handle), "hbDNNGetInputCount failed");
  else
    HB_CHECK_SUCCESS(hbDNNGetOutputCount(count, dnn_handle), "hbDNNGetOutputCount failed");
  *tensors = calloc((size_t)*count, sizeof(hbDNNTensor));
  if (!*tensors) return -1;
  for (i = 0; i < *count; i++) {
    hbDNNTensor* tensor = &(*tensors)[i];
    const char* name;
    if (input) {
      HB_CHECK_SUCCESS(hbDNNGetInputTensorProperties(&tensor->properties, dnn_handle, i),
                       "hbDNNGetInputTensorProperties failed");
      HB_CHECK_SUCCESS(hbDNNGetInputName(&name, dnn_handle, i), "hbDNNGetInputName failed");
    } else {
      HB_CHECK_SUCCESS(hbDNNGetOutputTensorProperties(&tensor->properties, dnn_handle, i),
                       "hbDNNGetOutputTensorProperties failed");
      HB_CHECK_SUCCESS(hbDNNGetOutputName(&name, dnn_handle, i), "hbDNNGetOutputName failed");
    }
    HB_CHECK_SUCCESS(hbSysAllocCachedMem(&tensor->sysMem[0], (uint32_t)tensor->properties.alignedByteSize),
                     "hbSysAllocCachedMem failed");
    printf("%s[%d] %s: %d bytes, type %d\n", input ? "input" : "output", i, name,
           tensor->properties.alignedByteSize, tensor->properties.tensorType);
  }
  return 0;
}

static void free_tensors(hbDNNTensor* tensors, int32_t count) {
  int32_t i;
  for (i = 0; i < count; i++) hbSysFreeMem(&tensors[i].sysMem[0]);
  free(tensors);
}

static int read_input(const char* file, hbDNNTensor* tensor) {
  FILE* stream = fopen(file, "rb");
  size_t length;
  if (!stream) {
    fprintf(stderr, "open %s failed\n", file);
    return -1;
  }
  length = fread(tensor->sysMem[0].virAddr, 1, tensor->sysMem[0].memSize, stream);
  fclose(stream);
  if (length != tensor->sysMem[0].memSize) {
    fprintf(stderr, "%s: %lu bytes\n", file, (unsigned long)length);
    return -1;
  }
  return hbSysFlushMem(&tensor->sysMem[0], HB_SYS_MEM_CACHE_CLEAN);
}

/* Element i of the output as a real number. */
static float value_of(const hbDNNTensor* tensor, int i) {
  const hbDNNTensorProperties* p = &tensor->properties;
  const void* data = tensor->sysMem[0].virAddr;
  float code;
  switch (p->tensorType) {
    case HB_DNN_TENSOR_TYPE_F32:
      code = ((const float*)data)[i];
      break;
    case HB_DNN_TENSOR_TYPE_S8:
      code = ((const int8_t*)data)[i];
      break;
    case HB_DNN_TENSOR_TYPE_S32:
      code = (float)((const int32_t*)data)[i];
      break;
    default:
      return 0.0f;
  }
  if (p->quantiType == SHIFT) {
    const int shift = p->shift.shiftData[p->shift.shiftLen == 1 ? 0 : i];
    return code / (float)(1 << shift);
  }
  if (p->quantiType == SCALE) {
    const int k = p->scale.scaleLen == 1 ? 0 : i;
    const int zero_point = p->scale.zeroPointLen > 0 ? p->scale.zeroPointData[k] : 0;
    return (code - (float)zero_point) * p->scale.scaleData[k];
  }
  return code;
}

static int print_top_k(const hbDNNTensor* tensor, int top_k) {
  const hbDNNTensorShape* shape = &tensor->properties.validShape;
  int elements = 1, i;
  Classification* all;
  for (i = 0; i < shape->numDimensions; i++) elements *= shape->dimensionSize[i];
  all = malloc((size_t)elements * sizeof(Classification));
  if (!all) return -1;
  for (i = 0; i < elements; i++) {
    all[i].id = i;
    all[i].score = value_of(tensor, i);
  }
  qsort(all, (size_t)elements, sizeof(Classification), compare);
  for (i = 0; i < top_k && i < elements; i++)
    printf("TOP %d result id: %d score: %.9g\n", i, all[i].id, (double)all[i].score);
  free(all);
  return 0;
}

int main(int argc, char** argv) {
  hbPackedDNNHandle_t packed_dnn_handle;
  hbDNNHandle_t dnn_handle;
  const char** model_name_list;
  const char* modelFileName;
  int model_count = 0;
  hbDNNTensor *inputs = NULL, *outputs = NULL;
  int32_t input_count = 0, output_count = 0;

  if (argc != 4) return 2;
  modelFileName = argv[1];
  printf("libdnn %s\n", hbDNNGetVersion());

  /* Step1: get model handle */
  HB_CHECK_SUCCESS(hbDNNInitializeFromFiles(&packed_dnn_handle, &modelFileName, 1),
                   "hbDNNInitializeFromFiles failed");
  HB_CHECK_SUCCESS(hbDNNGetModelNameList(&model_name_list, &model_count, packed_dnn_handle),
                   "hbDNNGetModelNameList failed");
  HB_CHECK_SUCCESS(hbDNNGetModelHandle(&dnn_handle, packed_dnn_handle, model_name_list[0]),
                   "hbDNNGetModelHandle failed");

  /* Step2: prepare input and output tensors */
  if (prepare_tensors(&inputs, &input_count, dnn_handle, 1) != 0) return 1;
  if (prepare_tensors(&outputs, &output_count, dnn_handle, 0) != 0) return 1;
  if (read_input(argv[2], &inputs[0]) != 0) return 1;

  /* Step3: run inference */
  {
    hbDNNTaskHandle_t task_handle = NULL;
    hbDNNInferCtrlParam infer_ctrl_param;
    HB_DNN_INITIALIZE_INFER_CTRL_PARAM(&infer_ctrl_param);
    HB_CHECK_SUCCESS(hbDNNInfer(&task_handle, &outputs, inputs, dnn_handle, &infer_ctrl_param),
                     "hbDNNInfer failed");
    HB_CHECK_SUCCESS(hbDNNWaitTaskDone(task_handle, 0), "hbDNNWaitTaskDone failed");
    /* Step4: do postprocess with output data */
    hbSysFlushMem(&outputs[0].sysMem[0], HB_SYS_MEM_CACHE_INVALIDATE);
    if (print_top_k(&outputs[0], atoi(argv[3])) != 0) return 1;
    HB_CHECK_SUCCESS(hbDNNReleaseTask(task_handle), "hbDNNReleaseTask failed");
  }

  /* Step5: release resources */
  free_tensors(inputs, input_count);
  free_tensors(outputs, output_count);
  HB_CHECK_SUCCESS(hbDNNRelease(packed_dnn_handle), "hbDNNRelease failed");
  return 0;
}
