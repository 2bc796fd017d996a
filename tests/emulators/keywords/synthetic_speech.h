// Keywords as a machine says them: a set of clips that any computer with
// espeak-ng makes, of nobody's voice and under nobody's licence.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TESTS_EMULATORS_KEYWORDS_SYNTHETIC_SPEECH_H_
#define TRIPTYCH_TESTS_EMULATORS_KEYWORDS_SYNTHETIC_SPEECH_H_

#include <string>
#include <vector>

#include "kernels/base/result.h"

namespace triptych {

struct KeywordClip {
  std::string word, voice;
  std::vector<float> samples;  // one second at 16 kHz
};

// Whether the program is installed.
bool HaveEspeak();

// The ten keywords of Speech Commands in twelve voices: American and British
// English, three men and three women each, 130 words a minute; at half of the
// loudness, without what is below a hundredth of full scale before and behind,
// in the middle of a second. models/validation/sensitivity.csv has results on
// such clips; where theirs were cut, nobody wrote down.
Result<std::vector<KeywordClip>> SpeakKeywords();

}  // namespace triptych

#endif  // TRIPTYCH_TESTS_EMULATORS_KEYWORDS_SYNTHETIC_SPEECH_H_
