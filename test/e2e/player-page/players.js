/** Three players behind one set of verbs, for a test that drives them. Each reports its errors, and starts with CMCD on. */

const SESSION = '6e2fb550-c457-11e9-bb97-0800200c9a66'
const video = document.querySelector('video')
const errors = []

const adapters = {
  'hls.js': (url) => {
    const hls = new Hls({ cmcd: { sessionId: SESSION, contentId: 'sample', useHeaders: true }, maxBufferLength: 8 })
    hls.on(Hls.Events.ERROR, (_, { details, fatal, error }) => errors.push(`${details} ${fatal} ${error?.message}`))
    hls.loadSource(url)
    hls.attachMedia(video)
    return {
      ready: new Promise((resolve) => hls.once(Hls.Events.MANIFEST_PARSED, resolve)),
      select: (height) => {
        hls.nextLevel = hls.levels.findIndex((level) => level.height === height)
      },
      destroy: async () => hls.destroy(),
    }
  },
  'dash.js': (url) => {
    const player = dashjs.MediaPlayer().create()
    player.updateSettings({
      streaming: {
        cmcd: { enabled: true, sid: SESSION, cid: 'sample', mode: 'query' },
        abr: { autoSwitchBitrate: { video: false } },
        // When it comes back to what it still has, it goes on loading where it was and jumps over what is between: so it
        // may keep no island behind a seek forward, nor have loaded everything up to the end.
        buffer: { fastSwitchEnabled: true, bufferTimeDefault: 4, bufferTimeAtTopQuality: 4, bufferToKeep: 2 },
      },
    })
    player.on(dashjs.MediaPlayer.events.ERROR, ({ error }) => errors.push(JSON.stringify(error)))
    player.initialize(video, url, false)
    return {
      ready: new Promise((resolve) => player.on(dashjs.MediaPlayer.events.STREAM_INITIALIZED, resolve)),
      select: (height) => {
        const { id } = player.getRepresentationsByType('video').find((one) => one.height === height)
        player.setRepresentationForTypeById('video', id)
      },
      destroy: async () => player.destroy(),
    }
  },
  'Shaka Player': (url) => {
    const player = new shaka.Player()
    player.configure({
      cmcd: { enabled: true, sessionId: SESSION, contentId: 'sample', useHeaders: false },
      abr: { enabled: false },
      streaming: { bufferingGoal: 8 },
    })
    player.addEventListener('error', ({ detail }) => errors.push(`${detail.code} ${detail.data}`))
    return {
      ready: player
        .attach(video)
        .then(() => player.load(url))
        .catch((error) => errors.push(`${error.code} ${error.data}`)),
      select: (height) => {
        const track = player.getVariantTracks().find((one) => one.height === height)
        player.selectVariantTrack(track, true)
      },
      destroy: () => player.destroy(),
    }
  },
}

let adapter

const until = (happened) => {
  return new Promise((resolve) => {
    const look = () => (happened() ? resolve() : setTimeout(look, 20))
    look()
  })
}

globalThis.watch = {
  errors,
  open: async (name, url) => {
    adapter = adapters[name](url)
    await adapter.ready
    video.playbackRate = 4
    await video.play()
  },
  /** Resolves once the picture has come to this second. */
  playTo: (seconds) => until(() => !video.seeking && video.currentTime >= seconds),
  seek: async (seconds) => {
    video.currentTime = seconds
    await until(() => !video.seeking && video.currentTime >= seconds)
  },
  /** Resolves once the picture has this height. */
  switchTo: async (height) => {
    adapter.select(height)
    await until(() => video.videoHeight === height)
  },
  playToEnd: async () => {
    await until(() => video.ended)
    return { playedTo: video.currentTime, duration: video.duration }
  },
  destroy: () => adapter.destroy(),
}
