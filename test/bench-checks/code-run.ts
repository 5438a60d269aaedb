/**
 * How much code runs, without a clock: V8 counts how often each stretch of source text was run, and the sum of these
 * stretches in characters is the same on every machine and under any load. A loop that turns twice as often is twice as
 * much; what V8 does inside of its own functions is not seen.
 *
 * Counting has to start before the code is loaded: V8 puts its counters in when it compiles.
 */

import { Session } from 'node:inspector/promises'

export interface CodeRun {
  /** Characters of source text, each as often as it was run. */
  readonly characters: number
  /** How often functions were called, by name. */
  readonly calls: ReadonlyMap<string, number>
}

export interface CodeCounter {
  /** What ran since the last time, or since the start. */
  take(): Promise<CodeRun>
}

/** @param isCounted tells by its URL whether a file belongs to what is looked at */
export async function startCounting(isCounted: (url: string) => boolean): Promise<CodeCounter> {
  const session = new Session()
  session.connect()
  await session.post('Profiler.enable')
  await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
  return {
    take: async () => {
      const { result } = await session.post('Profiler.takePreciseCoverage')
      const functions = result.filter(({ url }) => isCounted(url)).flatMap((script) => script.functions)
      const calls = new Map<string, number>()
      let characters = 0
      for (const { functionName, ranges } of functions) {
        const [whole] = ranges
        calls.set(functionName, (calls.get(functionName) ?? 0) + (whole?.count ?? 0))
        characters += charactersRun(ranges)
      }
      return { characters, calls }
    },
  }
}

interface Range {
  readonly startOffset: number
  readonly endOffset: number
  readonly count: number
}

/** A range stands for the characters in it that no later, inner range stands for. */
function charactersRun(ranges: readonly Range[]): number {
  const open: Range[] = []
  let characters = 0
  for (const range of ranges) {
    while ((open.at(-1)?.endOffset ?? Number.POSITIVE_INFINITY) <= range.startOffset) open.pop()
    characters += (range.endOffset - range.startOffset) * (range.count - (open.at(-1)?.count ?? 0))
    open.push(range)
  }
  return characters
}
