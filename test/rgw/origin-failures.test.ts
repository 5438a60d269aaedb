/** The S3 origin when a real gateway refuses its credentials, or dies and comes back. */
import { expect, test, vi } from 'vitest'
import { failure, pattern } from '../origin/fixture.ts'
import { describeWithRgw, put, rgwOrigin } from './fixture.ts'

/** More than the sockets' buffers hold, so that a paused reader finds most of it still to come. */
const LARGE_BYTES = 48 * 1024 * 1024
const HOUR_MS = 3_600_000

describeWithRgw('the S3 origin when Ceph RGW refuses or dies', (gateway) => {
  test.each([
    {
      what: 'a wrong secret',
      code: 'SignatureDoesNotMatch',
      wrong: () => ({ credentials: { ...gateway().credentials, secretAccessKey: 'wrong' } }),
    },
    {
      what: 'an unknown access key',
      code: 'InvalidAccessKeyId',
      wrong: () => ({ credentials: { ...gateway().credentials, accessKeyId: 'UNKNOWN' } }),
    },
    { what: 'a bucket that does not exist', code: 'NoSuchBucket', wrong: () => ({ bucket: 'elsewhere' }) },
    {
      what: 'a bucket that does not exist, asked for unsigned',
      code: 'NoSuchBucket',
      wrong: () => ({ bucket: 'elsewhere', credentials: 'anonymous' as const }),
    },
  ])("$what is our configuration's fault, never a missing or forbidden object", async ({ code, wrong }) => {
    await put(gateway(), 'object', Buffer.from('there'))
    const { fetch, log } = rgwOrigin(gateway(), wrong())
    const error = await failure(fetch('object'), 'misconfigured')
    await failure(fetch('missing'), 'misconfigured')

    expect(error.message).toContain(code)
    expect(log.lines).toHaveLength(1)
    expect(log.lines[0]).toMatchObject({ level: 'error', fields: { origin: 'spaces', code } })
    const written = JSON.stringify(log.lines) + error.message
    for (const secret of [gateway().credentials.accessKeyId, gateway().credentials.secretAccessKey]) {
      expect(written).not.toContain(secret)
    }
  })

  test("a clock that is an hour off is our configuration's fault", async () => {
    await put(gateway(), 'object', Buffer.from('there'))
    const { fetch, whole, log } = rgwOrigin(gateway())
    const trueNow = new Date()
    vi.useFakeTimers({ toFake: ['Date'], now: trueNow.getTime() + HOUR_MS })
    try {
      expect((await failure(fetch('object'), 'misconfigured')).message).toContain('RequestTimeTooSkewed')
    } finally {
      vi.useRealTimers()
    }

    expect(log.lines).toMatchObject([{ level: 'error', fields: { code: 'RequestTimeTooSkewed' } }])
    expect((await whole('object')).status).toBe(200)
  })

  test('a gateway killed half way through a body breaks it, and the socket is given back', async () => {
    await put(gateway(), 'large', pattern(LARGE_BYTES))
    const { origin, fetch } = rgwOrigin(gateway())
    const { headers, body } = await fetch('large')
    if (body === undefined) throw new Error('a 200 has a body')
    const first = await body.next()
    await gateway().stopGateway()
    let received: number = first.value?.length ?? 0
    const rest = (async () => {
      for await (const chunk of body) received += chunk.length
    })()
    await failure(rest, 'broken')
    await gateway().startGateway()

    expect(headers['content-length']).toBe(String(LARGE_BYTES))
    expect(received).toBeGreaterThan(0)
    expect(received).toBeLessThan(LARGE_BYTES)
    expect(origin.usage()).toEqual({ inUse: 0, free: 0, queued: 0 })
  })

  test('a gateway that is down is unreachable, and the same origin reads again once it is back', async () => {
    await put(gateway(), 'object', Buffer.from('still there'))
    const { origin, fetch, whole } = rgwOrigin(gateway())
    await whole('object')
    expect(origin.usage()).toEqual({ inUse: 0, free: 1, queued: 0 })
    await gateway().stopGateway()
    expect(gateway().gatewayPid).toBeUndefined()
    await failure(fetch('object'), 'unreachable')
    await failure(fetch('object'), 'unreachable')
    expect(origin.usage()).toEqual({ inUse: 0, free: 0, queued: 0 })
    await gateway().startGateway()

    expect(await whole('object')).toMatchObject({ status: 200, bytes: Buffer.from('still there') })
  })

  test('a socket left over from before a restart does not spoil the next fetch', async () => {
    await put(gateway(), 'object', Buffer.from('still there'))
    const { whole } = rgwOrigin(gateway())
    await whole('object')
    await gateway().stopGateway()
    await gateway().startGateway()

    expect((await whole('object')).status).toBe(200)
  })

  test('an abort half way through a body gives the socket back, and the gateway serves on', async () => {
    await put(gateway(), 'large', pattern(LARGE_BYTES))
    const { origin, fetch, whole } = rgwOrigin(gateway())
    const giveUp = new AbortController()
    const { body } = await fetch('large', { signal: giveUp.signal })
    await body?.next()
    giveUp.abort()
    if (body === undefined) throw new Error('a 200 has a body')
    await failure(body.next(), 'aborted')

    expect((await whole('large', { range: { first: 0, last: 9 } })).bytes).toEqual(pattern(10))
    expect(origin.usage()).toEqual({ inUse: 0, free: 1, queued: 0 })
  })
})
