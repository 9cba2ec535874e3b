/* SPDX-License-Identifier: Apache-2.0 */
/* Where an input comes from. */
#ifndef DNN_HB_DNN_EXT_H
#define DNN_HB_DNN_EXT_H

#include "dnn/hb_dnn.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The numbers are this library's own; compare by name. */
typedef enum {
  HB_DNN_INPUT_FROM_DDR = 0,     /* memory */
  HB_DNN_INPUT_FROM_PYRAMID = 1, /* camera pictures (nv12, gray) */
  HB_DNN_INPUT_FROM_RESIZER = 2  /* regions of larger pictures, for hbDNNRoiInfer */
} hbDNNInputSource;

/* Stores a hbDNNInputSource. May be called at any time from any thread. HB_DNN_INVALID_DNN_HANDLE,
 * HB_DNN_INVALID_ARGUMENT: null or no such input. */
int32_t hbDNNGetInputSource(int32_t* inputSource, hbDNNHandle_t dnnHandle, int32_t inputIndex);

#ifdef __cplusplus
}
#endif

#endif /* DNN_HB_DNN_EXT_H */
