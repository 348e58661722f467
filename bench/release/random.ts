/** Random numbers from a seed, the same on every machine: mulberry32. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** How many of independent events happen, of which `mean` do on average. */
export function poisson(mean: number, random: () => number): number {
  if (mean <= 0) return 0
  if (mean > 30) {
    // Sums of smaller ones are exact; a normal approximation would not be.
    const half = Math.floor(mean / 2)
    return poisson(half, random) + poisson(mean - half, random)
  }
  const limit = Math.exp(-mean)
  let product = random()
  let count = 0
  while (product > limit) {
    product *= random()
    count += 1
  }
  return count
}

/** How many of `tries` succeed, each with the same chance: by jumps from one success to the next. */
export function binomial(tries: number, chance: number, random: () => number): number {
  if (chance <= 0 || tries === 0) return 0
  if (chance > 0.5) return tries - binomial(tries, 1 - chance, random)
  const log = Math.log(1 - chance)
  let count = 0
  for (
    let at = Math.floor(Math.log(1 - random()) / log);
    at < tries;
    at += 1 + Math.floor(Math.log(1 - random()) / log)
  )
    count += 1
  return count
}
