/** Numbers from 0 to below 1 that look random and are the same for the same seed: Marsaglia's xorshift of 32 bits. */
export function seeded(seed: number): () => number {
  // Zero would stay zero, and small seeds begin alike.
  let state = (seed ^ 0x9e3779b9) >>> 0 || 1
  const draw = () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    state >>>= 0
    return state / 2 ** 32
  }
  for (let passed = 0; passed < 16; passed++) draw()
  return draw
}
