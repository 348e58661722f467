/** How many primes there are below a number, counted in a way that keeps a core busy for a moment. */
export function primesBelow(limit: number): number {
  let found = 0
  for (let each = 2; each < limit; each += 1) if (isPrime(each)) found += 1
  return found
}

function isPrime(number: number): boolean {
  for (let divisor = 2; divisor * divisor <= number; divisor += 1) if (number % divisor === 0) return false
  return true
}
