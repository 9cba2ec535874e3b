#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# One run on the board: run.sh HRT_MODEL_EXEC; all tensors go to /mnt/out/$OPENHB_OUT.
exec "$1" infer --model_file /mnt/model.bin --input_file /mnt/picture.png --enable_dump --dump_intermediate 1 \
  --dump_path "/mnt/out/$OPENHB_OUT" >/dev/null
