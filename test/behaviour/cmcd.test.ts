/** What players tell of themselves makes no difference to what they get, and reaches nobody but the operator. */
import { describe, expect, test } from 'vitest'
import { startHttpShield } from '../support/http-shield.ts'
import { request, startShield } from '../support/shield.ts'

const told = (text: string) => `CMCD=${encodeURIComponent(text)}`

describe('an HTTP origin', () => {
  test('is asked once, whatever players tell and however, and hears nothing of it', async () => {
    const { origin, port } = await startHttpShield()
    origin.onAny((exchange) =>
      exchange.send({ body: 'x', fields: { 'Cache-Control': 'max-age=60', Vary: 'CMCD-Request, CMCD-Session' } }),
    )
    const asks = [
      { path: `/1.m4s?${told('br=1')}` },
      { path: `/1.m4s?${told('br=2,sid="a"')}` },
      { path: '/1.m4s', headers: { 'CMCD-Request': 'bl=5', 'CMCD-Session': 'sid="b"' } },
      { path: '/1.m4s', headers: { 'CMCD-Object': 'br=7', 'CMCD-Status': 'bs' } },
    ]
    for (const ask of asks) expect((await request(port, ask)).body.toString()).toBe('x')

    expect(origin.requests.map(({ target }) => target)).toEqual(['/1.m4s'])
    expect(origin.requests[0]?.rawFields.join(' ')).not.toMatch(/cmcd/i)
  })

  test('is asked with the rest of the query, as it was sent', async () => {
    const { origin, port } = await startHttpShield()
    origin.onAny((exchange) =>
      exchange.send({ body: exchange.request.target, fields: { 'Cache-Control': 'max-age=60' } }),
    )
    const { body } = await request(port, { path: `/1.m4s?b=%41&${told('br=1')}&a=2` })
    expect(body.toString()).toBe('/1.m4s?b=%41&a=2')
    expect((await request(port, { path: '/1.m4s?b=%41&a=2' })).headers['cache-status']).toContain('; hit')
  })

  test('behind a route that passes through hears all of it', async () => {
    const { origin, port } = await startHttpShield({ passesThrough: true })
    origin.onAny((exchange) => exchange.send({ body: exchange.request.target }))
    const path = `/1.m4s?${told('br=1')}`
    expect((await request(port, { path, headers: { 'CMCD-Status': 'bs' } })).body.toString()).toBe(path)
    expect(origin.requests[0]?.fields['cmcd-status']).toBe('bs')
  })
})

test('a bucket is asked once', async () => {
  const { s3, port } = await startShield()
  s3.put('1.m4s', 'x')
  await request(port, { path: `/1.m4s?${told('br=1')}` })
  await request(port, { path: '/1.m4s', headers: { 'CMCD-Session': 'sid="b"' } })
  expect(s3.requests.map(({ url }) => url)).toHaveLength(1)
  expect(s3.requests[0]?.url).not.toContain('CMCD')
})

describe('the access record', () => {
  test('says what is useful of it, and nothing of the rest', async () => {
    const { s3, port, accessRecords, logLines } = await startShield()
    s3.put('1.m4s', 'x')
    await request(port, { path: `/1.m4s?${told('br=3200,bl=200,bs,cid="private-title",ot=v,sid="s-1"')}&token=hidden` })
    await request(port, {
      path: '/1.m4s',
      headers: { 'CMCD-Object': 'ot=v', 'CMCD-Session': 'sid="s-2",cid="private-title"' },
    })
    await request(port, { path: '/1.m4s?CMCD=%ff&v=1' })

    expect((await accessRecords(3)).map(({ cmcd }) => cmcd)).toEqual([
      { br: 3200, bl: 200, bs: true, ot: 'v', sid: 's-1' },
      { ot: 'v', sid: 's-2' },
      undefined,
    ])
    expect(logLines().join('')).not.toMatch(/private-title|hidden/)
  })
})
