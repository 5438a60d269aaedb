/** What a `.cpuprofile` says: time by function. The format is the one of Chromium's DevTools (Profiler.Profile). */

export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }
  }[]
  /** Microseconds of the machine's monotonic clock. */
  readonly startTime: number
  /** Ids of the nodes that were running, one a sample. */
  readonly samples: readonly number[]
  /** Microseconds between a sample and the one before it. */
  readonly timeDeltas: readonly number[]
}

export interface SelfTime {
  /** With file and line where it has them. */
  readonly name: string
  readonly microseconds: number
}

/** Time spent in each function itself, most first, between two instants of the monotonic clock, in microseconds. */
export function selfTimes(profile: CpuProfile, from: number, to: number): readonly SelfTime[] {
  const names = new Map(profile.nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]))
  const byName = new Map<string, number>()
  let at = profile.startTime
  for (const [index, id] of profile.samples.entries()) {
    const delta = profile.timeDeltas[index] ?? 0
    at += delta
    // The profiler's clock may step back by a little.
    if (at < from || at > to || delta < 0) continue
    const name = names.get(id) ?? 'unknown'
    byName.set(name, (byName.get(name) ?? 0) + delta)
  }
  const all = [...byName].map(([name, microseconds]) => ({ name, microseconds }))
  return all.toSorted((a, b) => b.microseconds - a.microseconds)
}

type CallFrame = CpuProfile['nodes'][number]['callFrame']

function nameOf({ functionName, url, lineNumber }: CallFrame): string {
  const name = functionName === '' ? '(anonymous)' : functionName
  if (url === '') return name
  const file = url.replace(/^.*\/node_modules\//, '').replace(/^.*\/src\//, 'src/')
  return `${name} ${file}:${lineNumber + 1}`
}
