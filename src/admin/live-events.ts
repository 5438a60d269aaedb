/**
 * The stream of live figures, as one asker gets it.
 *
 * Invariant: nothing is kept for an asker that takes nothing: once it takes something again it is sent the newest
 * sample, and those in between are passed over.
 */

import type { LiveSamples } from '../observe/live-samples.ts'
import type { LiveEvent, LiveState } from './live-schemas.ts'

export interface Live {
  readonly samples: Pick<LiveSamples, 'latest' | 'history' | 'next'>
  /** How things are. */
  readonly state: () => LiveState
  /** Somebody listens from now on, until what is returned is called. */
  readonly listen: () => () => void
}

/** Goes on until the signal fires or there are no more samples. */
export async function* liveEvents({ samples, state, listen }: Live, signal: AbortSignal): AsyncGenerator<LiveEvent> {
  const leave = listen()
  try {
    let { latest } = samples
    yield { event: 'history', data: [...samples.history()] }
    yield { event: 'state', data: state() }
    for (;;) {
      if (samples.latest === latest && !(await samples.next(signal))) return
      latest = samples.latest
      if (latest === undefined || signal.aborted) return
      yield { event: 'sample', data: latest }
      yield { event: 'state', data: state() }
    }
  } finally {
    leave()
  }
}
