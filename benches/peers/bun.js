// Bun, whose WebSockets are uWebSockets with publish and subscribe, nothing compressed: it tells a room what somebody
// says there.
const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  fetch(request, server) {
    const room = new URL(request.url).searchParams.get("room");
    if (!server.upgrade(request, { data: { room } })) return new Response("a WebSocket, please", { status: 426 });
  },
  websocket: {
    perMessageDeflate: false,
    open: (socket) => socket.subscribe(socket.data.room),
    message: (socket, text) => void server.publish(socket.data.room, text),
  },
});

console.log(`listening on http://127.0.0.1:${server.port}`);
