// Where random tests begin. BERTH_SEED replays one; BERTH_DRAW is what scripts/test makes of the code, so that the same code draws the same;
// without either, each run draws anew.

const number = (name: string): number | null => {
  const text = process.env[name]
  if (text === undefined) return null
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 0) throw new Error(`${name} is no whole number: ${text}`)
  return value
}

/** The run that is to be replayed; null when none is. @throws Error when BERTH_SEED is no whole number from 0 on */
export const REPLAYED = number('BERTH_SEED')

/** @throws Error when BERTH_DRAW is no whole number from 0 on */
export const seed = (): number => REPLAYED ?? number('BERTH_DRAW') ?? Math.floor(Math.random() * 2 ** 31)
