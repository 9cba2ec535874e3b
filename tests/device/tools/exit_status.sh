#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# exit_status.sh <hrt_model_exec> <hrt_bin_dump>: exit status and error code of the programs themselves.
set -u
tool=$1
failures=0

# expect <status> <part of stderr> <arguments...>
expect() {
  status=$1
  part=$2
  shift 2
  errors=$("$tool" "$@" 2>&1 >/dev/null)
  found=$?
  case $errors in
    *"$part"*) ;;
    *) found="$found with '$errors'" ;;
  esac
  if [ "$found" != "$status" ]; then
    echo "$tool $*: status $found, expected $status with '$part'"
    failures=$((failures + 1))
  fi
}

expect 0 ""
expect 0 "" --help
expect 0 "" --version
expect 2 "OHB-0002: " nonsense
expect 2 "OHB-0002: " model_info
expect 2 "OHB-0002: " model_info --model_flie=x.bin
expect 1 "OHB-0100: " model_info --model_file=/nonexistent.bin
expect 1 "OHB-0500: " model_info --model_file="$0"
expect 1 "OHB-0101: " model_info --model_file /
expect 2 "OHB-0002: " perf
expect 2 "OHB-0002: " perf --model_file=/nonexistent.bin --perf_time=x
expect 1 "OHB-0100: " perf --model_file=/nonexistent.bin
tool=$2
expect 0 ""
expect 0 "" --help
expect 0 "" -v
expect 2 "OHB-0002: " --model_file=x.bin
expect 2 "Did you mean 'conv_dump_path'" --conv_dump_paht=x
expect 1 "OHB-0100: " --model_file=/nonexistent.bin --input_file=x --conv_mapping_file=y --conv_dump_path=/
exit "$failures"
