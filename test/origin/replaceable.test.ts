import { describe, expect, test } from 'vitest'
import { OriginError } from '../../src/errors.ts'
import type { ResilientOrigin } from '../../src/origin/compose.ts'
import { ReplaceableOrigin } from '../../src/origin/replaceable.ts'
import { ScriptedOrigin, settled } from '../support/scripted-origin.ts'
import { outcomeOf, requestFor } from './asking.ts'

class Scripted extends ScriptedOrigin implements ResilientOrigin {
  state: ReturnType<ResilientOrigin['circuit']> = 'closed'
  readonly closed = Promise.withResolvers<void>()
  isTold = false

  allowedPerSecond() {
    return Number.POSITIVE_INFINITY
  }

  circuit() {
    return this.state
  }

  override close(): Promise<void> {
    this.isTold = true
    return this.closed.promise
  }
}

const closedError = () => new OriginError('aborted', 'spaces: closed')

describe('an origin that is replaced', () => {
  test('ends what was begun, while the new one is asked for everything else', async () => {
    const [former, next] = [new Scripted('spaces'), new Scripted('spaces')]
    const origin = new ReplaceableOrigin(former)
    const begun = origin.fetch(requestFor('a'))
    origin.replace(next)
    const later = origin.fetch(requestFor('b'))
    former.exchange(0).answer({ status: 404 })
    next.exchange(0).answer({ status: 304 })

    expect([(await begun).status, (await later).status]).toEqual([404, 304])
    expect([former.count, next.count, former.isTold, next.isTold]).toEqual([1, 1, true, false])
  })

  test('whose next attempt finds it closed is asked for by the new one', async () => {
    const [former, next] = [new Scripted('spaces'), new Scripted('spaces')]
    const origin = new ReplaceableOrigin(former)
    const ended = outcomeOf(origin.fetch(requestFor('a')))
    origin.replace(next)
    former.exchange(0).fail(closedError())
    await settled()
    next.exchange(0).answer()

    expect(await ended).toBe(200)
    expect(next.requests[0]?.key).toBe('a')
  })

  test('is not asked again for what failed in any other way, or for somebody who has left', async () => {
    const [former, next] = [new Scripted('spaces'), new Scripted('spaces')]
    const origin = new ReplaceableOrigin(former)
    const left = new AbortController()
    const broken = outcomeOf(origin.fetch(requestFor('a')))
    const gone = outcomeOf(origin.fetch({ ...requestFor('b'), signal: left.signal }))
    origin.replace(next)
    former.exchange(0).fail(new OriginError('broken', 'spaces: no answer'))
    left.abort()

    expect([await broken, await gone, next.count]).toEqual(['broken', 'aborted', 0])
  })

  test('an abort without a replacement stays one', async () => {
    const former = new Scripted('spaces')
    const ended = outcomeOf(new ReplaceableOrigin(former).fetch(requestFor('a')))
    former.exchange(0).fail(closedError())

    expect([await ended, former.count]).toEqual(['aborted', 1])
  })

  test('shows the circuit and the connections of the new one', () => {
    const [former, next] = [new Scripted('spaces'), new Scripted('spaces')]
    former.state = 'open'
    const origin = new ReplaceableOrigin(former)
    expect(origin.circuit()).toBe('open')
    origin.replace(next)
    expect([origin.circuit(), origin.usage()]).toEqual(['closed', { inUse: 0, free: 0, queued: 0 }])
  })

  test('is closed when the former one is', async () => {
    const [former, next] = [new Scripted('spaces'), new Scripted('spaces')]
    const origin = new ReplaceableOrigin(former)
    origin.replace(next)
    let isClosed = false
    const closing = origin.close().then(() => {
      isClosed = true
    })
    next.closed.resolve()
    await settled()
    expect(isClosed).toBe(false)
    former.closed.resolve()
    await closing
    expect(isClosed).toBe(true)
  })
})
