# SPDX-License-Identifier: Apache-2.0
openhb_test(NAME common_image_test SOURCES common/image_test.cc LIBRARIES openhb::common LABELS fast)
openhb_test(NAME common_text_test SOURCES common/text_test.cc LIBRARIES openhb::common LABELS fast)
