// The classes of the 12-word task of Speech Commands, in the order of
// labels.txt in ARM-software/keyword-transformer, models_data_v2_12_labels.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_MODELS_AUDIO_SPEECH_COMMANDS_H_
#define TRIPTYCH_MODELS_AUDIO_SPEECH_COMMANDS_H_

#include <string_view>

namespace triptych {

inline constexpr std::string_view kSpeechCommands[] = {
    "_silence_", "_unknown_", "yes", "no",  "up",   "down",
    "left",      "right",     "on",  "off", "stop", "go"};

}  // namespace triptych

#endif  // TRIPTYCH_MODELS_AUDIO_SPEECH_COMMANDS_H_
