#pragma once
// Randomness for keys, nonces and identities: the kernel's, through libsodium.

#include "engine/core/dice.hpp"

namespace swarmfs::crypto {

// Prepares libsodium. Safe to repeat; every call of this room that needs it calls it.  Thread: any.
void initialise();

// Thread: any.
class SystemDice final : public Dice {
public:
    SystemDice() { initialise(); }
    void fill(MutableByteSpan out) override;
};

}  // namespace swarmfs::crypto
