// Node with `ws`, nothing compressed: it tells a room what somebody says there.
const { WebSocketServer, WebSocket } = require("ws");

const server = new WebSocketServer({ host: "127.0.0.1", port: 0, backlog: 1024, perMessageDeflate: false });
const rooms = new Map();

server.on("connection", (socket, request) => {
  const name = new URL(request.url, "http://localhost").searchParams.get("room");
  let room = rooms.get(name);
  if (!room) rooms.set(name, (room = new Set()));
  room.add(socket);
  socket.on("close", () => room.delete(socket));
  socket.on("error", () => socket.terminate());
  socket.on("message", (text) => {
    for (const member of room) if (member.readyState === WebSocket.OPEN) member.send(text, { binary: false });
  });
});

server.on("listening", () => console.log(`listening on http://127.0.0.1:${server.address().port}`));
