/** A `.cpuprofile`, in the format of Chromium's DevTools (Profiler.Profile), and what of it is looked at. */

export interface CpuProfile {
  /** What the samples point to. */
  readonly nodes: readonly unknown[]
  /** Microseconds of the machine's monotonic clock. */
  readonly startTime: number
  readonly endTime: number
  /** Ids of the nodes that were running, one a sample. */
  readonly samples: readonly number[]
  /** Microseconds between a sample and the one before it, or the start. */
  readonly timeDeltas: readonly number[]
}

/** The same without what was sampled before or after two instants of that clock: the program's start, and its end. */
export function between(profile: CpuProfile, from: number, to: number): CpuProfile {
  let at = profile.startTime
  const times = profile.timeDeltas.map((delta) => {
    at += delta
    return at
  })
  const chosen = times.flatMap((time, index) => (time >= from && time <= to ? [index] : []))
  return {
    nodes: profile.nodes,
    startTime: from,
    endTime: to,
    samples: chosen.map((index) => profile.samples[index] ?? 0),
    timeDeltas: chosen.map((index, place) => (times[index] ?? from) - (times[chosen[place - 1] ?? -1] ?? from)),
  }
}
