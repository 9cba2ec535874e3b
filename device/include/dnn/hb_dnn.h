/* SPDX-License-Identifier: Apache-2.0 */
/* Runs compiled models (.bin). C99 and C++.
 *
 * Order of use: hbDNNInitializeFromFiles, hbDNNGetModelNameList, hbDNNGetModelHandle,
 * hbDNNGet*TensorProperties, hbSysAllocCachedMem, fill inputs, hbSysFlushMem(CLEAN), hbDNNInfer,
 * hbDNNWaitTaskDone, hbSysFlushMem(INVALIDATE), read outputs, hbDNNReleaseTask, hbSysFreeMem, hbDNNRelease.
 *
 * Every function gives a status of hb_dnn_status.h unless it says otherwise; no function ends the process or
 * lets a C++ exception out. When a function fails it has no effect, and what it would have stored is not
 * stored.
 *
 * Threads: every function may be called from any thread, and different functions at the same time, with these
 * exceptions: a packed handle must not be released while another thread is inside a function with it or with
 * one of its models (a task that has not been released is noticed: HB_DNN_MODEL_IS_RUNNING); a task must not
 * get further models
 * (`more`) from two threads at the same time. Strings and numbers behind pointers that the library gives
 * belong to it and live until hbDNNRelease. Handles do not survive fork(): the child must load its own. */
#ifndef DNN_HB_DNN_H
#define DNN_HB_DNN_H

#include <stdint.h>

#include "dnn/hb_dnn_status.h"
#include "dnn/hb_sys.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Of the interface. hbDNNGetVersion() tells the library's own version. */
#define HB_DNN_VERSION_MAJOR 1U
#define HB_DNN_VERSION_MINOR 1U
#define HB_DNN_VERSION_PATCH 0U

#define HB_DNN_TENSOR_MAX_DIMENSIONS 8

#define HB_DNN_INITIALIZE_INFER_CTRL_PARAM(param) \
  {                                               \
    (param)->bpuCoreId = HB_BPU_CORE_ANY;         \
    (param)->dspCoreId = HB_DSP_CORE_ANY;         \
    (param)->priority = HB_DNN_PRIORITY_LOWEST;   \
    (param)->more = 0;                            \
    (param)->customId = 0;                        \
    (param)->reserved1 = 0;                       \
    (param)->reserved2 = 0;                       \
  }

#define HB_DNN_INITIALIZE_RESIZE_CTRL_PARAM(param)     \
  {                                                    \
    (param)->bpuCoreId = HB_BPU_CORE_ANY;              \
    (param)->resizeType = HB_DNN_RESIZE_TYPE_BILINEAR; \
    (param)->priority = HB_DNN_PRIORITY_LOWEST;        \
    (param)->reserved1 = 0;                            \
    (param)->reserved2 = 0;                            \
    (param)->reserved3 = 0;                            \
    (param)->reserved4 = 0;                            \
  }

typedef void* hbPackedDNNHandle_t; /* the models of one hbDNNInitializeFrom* call */
typedef void* hbDNNHandle_t;       /* one model */
typedef void* hbDNNTaskHandle_t;   /* work that was submitted */

typedef enum {
  HB_DNN_LAYOUT_NHWC = 0,
  HB_DNN_LAYOUT_NCHW = 2,
  HB_DNN_LAYOUT_NONE = 255 /* not four dimensions */
} hbDNNTensorLayout;

typedef enum {
  HB_DNN_IMG_TYPE_Y = 0,
  HB_DNN_IMG_TYPE_NV12 = 1,
  HB_DNN_IMG_TYPE_NV12_SEPARATE = 2, /* sysMem[0]: Y plane, sysMem[1]: UV plane */
  HB_DNN_IMG_TYPE_YUV444 = 3,
  HB_DNN_IMG_TYPE_RGB = 4,
  HB_DNN_IMG_TYPE_BGR = 5,
  HB_DNN_TENSOR_TYPE_S4 = 6,
  HB_DNN_TENSOR_TYPE_U4 = 7,
  HB_DNN_TENSOR_TYPE_S8 = 8,
  HB_DNN_TENSOR_TYPE_U8 = 9, /* also bool: 0 and 1 */
  HB_DNN_TENSOR_TYPE_F16 = 10,
  HB_DNN_TENSOR_TYPE_S16 = 11,
  HB_DNN_TENSOR_TYPE_U16 = 12,
  HB_DNN_TENSOR_TYPE_F32 = 13,
  HB_DNN_TENSOR_TYPE_S32 = 14,
  HB_DNN_TENSOR_TYPE_U32 = 15,
  HB_DNN_TENSOR_TYPE_F64 = 16,
  HB_DNN_TENSOR_TYPE_S64 = 17,
  HB_DNN_TENSOR_TYPE_U64 = 18,
  HB_DNN_TENSOR_TYPE_MAX = 19
} hbDNNDataType;

typedef enum { NONE = 0, SHIFT = 1, SCALE = 2 } hbDNNQuantiType;

typedef enum {
  HB_DNN_PRIORITY_LOWEST = 0,
  HB_DNN_PRIORITY_HIGHEST = 255,
  HB_DNN_PRIORITY_PREEMP = HB_DNN_PRIORITY_HIGHEST
} hbDNNTaskPriority;

/* A BPU core is a group of CPU threads here (openhbSetCoreThreads). The numbers are bits. */
typedef enum { HB_BPU_CORE_ANY = 0, HB_BPU_CORE_0 = 1, HB_BPU_CORE_1 = 2 } hbBPUCore;
typedef enum {
  HB_DSP_CORE_ANY = 0,
  HB_DSP_CORE_0 = 1,
  HB_DSP_CORE_1 = 2
} hbDSPCore; /* no effect: there is none */

typedef enum { HB_DNN_RESIZE_TYPE_BILINEAR = 0 } hbDNNResizeType;

typedef struct {
  int32_t dimensionSize[HB_DNN_TENSOR_MAX_DIMENSIONS];
  int32_t numDimensions;
} hbDNNTensorShape;

typedef struct {
  int32_t shiftLen;
  uint8_t* shiftData;
} hbDNNQuantiShift;

/* Real value = (code - zeroPointData[i]) * scaleData[i]. One i for the whole tensor, or one per index of
 * dimension quantizeAxis. */
typedef struct {
  int32_t scaleLen;
  float* scaleData;
  int32_t zeroPointLen;
  int8_t* zeroPointData;
} hbDNNQuantiScale;

/* validShape: the extents. alignedShape: the extents in memory, rows of Y and NV12 pictures being padded to
 * multiples of
 * 16. stride: bytes from one index of a dimension to the next (all 0 for NV12, which has planes).
 * alignedByteSize: the memory that the tensor needs. */
typedef struct {
  hbDNNTensorShape validShape;
  hbDNNTensorShape alignedShape;
  int32_t tensorLayout; /* hbDNNTensorLayout */
  int32_t tensorType;   /* hbDNNDataType */
  hbDNNQuantiShift shift;
  hbDNNQuantiScale scale;
  hbDNNQuantiType quantiType;
  int32_t quantizeAxis;
  int32_t alignedByteSize;
  int32_t stride[HB_DNN_TENSOR_MAX_DIMENSIONS];
} hbDNNTensorProperties;

typedef struct {
  hbSysMem sysMem[4];
  hbDNNTensorProperties properties;
} hbDNNTensor;

/* In pixels; all four bounds are part of the region. */
typedef struct {
  int32_t left;
  int32_t top;
  int32_t right;
  int32_t bottom;
} hbDNNRoi;

typedef struct {
  int32_t bpuCoreId; /* hbBPUCore; several bits or ANY: the first core that is free */
  int32_t dspCoreId; /* hbDSPCore; no effect */
  int32_t priority;  /* 0 to 255; greater ones start first; 255 also interrupts running tasks of less */
  int32_t more;      /* 1: the task will get further models before it starts */
  int64_t customId;  /* within a priority smaller ones start first */
  int32_t reserved1;
  int32_t reserved2;
} hbDNNInferCtrlParam;

typedef struct {
  int32_t bpuCoreId;
  int32_t priority;
  hbDNNResizeType resizeType;
  int32_t reserved1;
  int32_t reserved2;
  int32_t reserved3;
  int32_t reserved4;
} hbDNNResizeCtrlParam;

/* "1.1.0_(<library> OpenHB)". */
const char* hbDNNGetVersion(void);

/* Loads all models of the files, which may hold several each (packs). Files are mapped: their weights are
 * shared with every other process that maps them, and must not be changed in place while a model is loaded.
 * HB_DNN_INVALID_ARGUMENT: null, modelFileCount < 1, or a name that two models have.
 * HB_DNN_CAN_NOT_OPEN_FILE. HB_DNN_INVALID_MODEL. HB_DNN_INCOMPATIBLE_MODEL.
 * HB_DNN_MODEL_NUMBER_EXCEED_LIMIT. HB_DNN_OUT_OF_MEMORY. */
int32_t hbDNNInitializeFromFiles(hbPackedDNNHandle_t* packedDNNHandle, const char** modelFileNames,
                                 int32_t modelFileCount);

/* The same from memory, which is copied and may be freed afterwards. Lengths are bytes. */
int32_t hbDNNInitializeFromDDR(hbPackedDNNHandle_t* packedDNNHandle, const void** modelData,
                               int32_t* modelDataLengths, int32_t modelDataCount);

/* HB_DNN_INVALID_PACKED_DNN_HANDLE. HB_DNN_MODEL_IS_RUNNING: a task with one of the models has not been
 * released. */
int32_t hbDNNRelease(hbPackedDNNHandle_t packedDNNHandle);

/* Names in the order of the files. */
int32_t hbDNNGetModelNameList(const char*** modelNameList, int32_t* modelNameCount,
                              hbPackedDNNHandle_t packedDNNHandle);

/* The same handle for the same name each time. It ends with the packed handle. HB_DNN_INVALID_ARGUMENT: no
 * such model; the log lists those there are. */
int32_t hbDNNGetModelHandle(hbDNNHandle_t* dnnHandle, hbPackedDNNHandle_t packedDNNHandle,
                            const char* modelName);

int32_t hbDNNGetInputCount(int32_t* inputCount, hbDNNHandle_t dnnHandle);
int32_t hbDNNGetInputName(const char** name, hbDNNHandle_t dnnHandle, int32_t inputIndex);
int32_t hbDNNGetInputTensorProperties(hbDNNTensorProperties* properties, hbDNNHandle_t dnnHandle,
                                      int32_t inputIndex);
int32_t hbDNNGetOutputCount(int32_t* outputCount, hbDNNHandle_t dnnHandle);
int32_t hbDNNGetOutputName(const char** name, hbDNNHandle_t dnnHandle, int32_t outputIndex);
int32_t hbDNNGetOutputTensorProperties(hbDNNTensorProperties* properties, hbDNNHandle_t dnnHandle,
                                       int32_t outputIndex);

/* Submits one run of a model and returns at once.
 *
 * taskHandle: *taskHandle must be null, or the handle of a task whose last call had more = 1: then the model
 * is added to it. The task starts with the call that has more = 0; its outputs are valid when all of it is
 * done. output: *output is an array of hbDNNGetOutputCount tensors whose memory the caller has allocated
 * (alignedByteSize). input: an array of hbDNNGetInputCount tensors. Of a model with batch N either one tensor
 * per input with N samples behind each other, or N tensors per input, one sample each
 * (alignedShape.dimensionSize[0] is 1), in the order input 0 of sample 0, input 0 of sample 1, ... Only
 * alignedShape and tensorType of the properties may differ from what hbDNNGetInputTensorProperties gave:
 *   alignedShape = validShape for rows without padding; NV12_SEPARATE for NV12.
 * The arrays may go when the call returns; the memory that the tensors point to must stay, and must not be
 * touched, until the task is done.
 *
 * HB_DNN_INVALID_ARGUMENT: a null pointer, memory too small, wrong type or shape, core or priority out of
 * range, an input that needs hbDNNRoiInfer. HB_DNN_INVALID_DNN_HANDLE. HB_DNN_INVALID_TASK_HANDLE.
 * HB_DNN_API_USE_ERROR: the task of *taskHandle takes no further models. HB_DNN_TASK_NUM_EXCEED_LIMIT.
 * HB_DNN_TASK_BATCH_SIZE_EXCEED_LIMIT. HB_DNN_OUT_OF_MEMORY. */
int32_t hbDNNInfer(hbDNNTaskHandle_t* taskHandle, hbDNNTensor** output, const hbDNNTensor* input,
                   hbDNNHandle_t dnnHandle, hbDNNInferCtrlParam* inferCtrlParam);

/* The same on regions of pictures, for models that have inputs of source resizer. R such inputs and D samples
 * make roiCount = D * R regions, sample by sample. input: hbDNNGetInputCount * D tensors, sample by sample;
 * those of resizer inputs hold whole NV12, NV12_SEPARATE or Y pictures of any size (validShape: extents,
 * alignedShape: row length). Outputs hold ceil(D / N) * N samples, N being the model's batch; those behind
 * the last sample are not to be read. Which pixels are taken is written in docs/numerics.md. */
int32_t hbDNNRoiInfer(hbDNNTaskHandle_t* taskHandle, hbDNNTensor** output, const hbDNNTensor* input,
                      hbDNNRoi* rois, int32_t roiCount, hbDNNHandle_t dnnHandle,
                      hbDNNInferCtrlParam* inferCtrlParam);

/* Waits until the task is done; timeout in milliseconds, 0 or less: for ever. Gives the task's own status.
 * Several threads may wait for one task. HB_DNN_TIMEOUT: not yet done. HB_DNN_INVALID_TASK_HANDLE: also when
 * it was released meanwhile. HB_DNN_API_USE_ERROR: the task waits for further models (more = 1). */
int32_t hbDNNWaitTaskDone(hbDNNTaskHandle_t taskHandle, int32_t timeout);

/* Ends the life of a task. One that has not started will not start; one that runs is stopped at the next
 * border of a step, for which the call waits: afterwards the library does not touch the tensors' memory any
 * more. */
int32_t hbDNNReleaseTask(hbDNNTaskHandle_t taskHandle);

/* cb is called once when the task is done, with its status, from a thread of the library (from this call when
 * the task is done already). It may call everything, hbDNNReleaseTask of its task included; other tasks of
 * the same core wait for its return. A task that is released before it is done calls nothing.
 * HB_DNN_API_USE_ERROR: the task has a callback already. */
typedef void (*hbDNNTaskDoneCb)(hbDNNTaskHandle_t taskHandle, int32_t status, void* userdata);
int32_t hbDNNSetTaskDoneCb(hbDNNTaskHandle_t taskHandle, hbDNNTaskDoneCb cb, void* userdata);

/* Resizes a picture, or the region *roi of it (null: all), bilinearly, asynchronously like hbDNNInfer. input
 * and output: the same type, one of HB_DNN_IMG_TYPE_*, and not the same memory; validShape: extents,
 * alignedShape: row length. Limits: input width and row length 1 to 4080, rows of Y and NV12 multiples of 16;
 * output extents 1 to 4080; 1/185 <= output / region < 256; NV12: even extents; regions inside the picture.
 * docs/numerics.md, "Regions", defines every pixel. At most 32 such tasks. */
int32_t hbDNNResize(hbDNNTaskHandle_t* taskHandle, hbDNNTensor* output, const hbDNNTensor* input,
                    const hbDNNRoi* roi, hbDNNResizeCtrlParam* resizeCtrlParam);

#ifdef __cplusplus
}
#endif

#endif /* DNN_HB_DNN_H */
