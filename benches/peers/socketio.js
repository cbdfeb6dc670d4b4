// Socket.IO with rooms, over WebSocket only, nothing compressed: it tells a room what somebody says there.
const http = require("http").createServer();
const { Server } = require("socket.io");

const io = new Server(http, { transports: ["websocket"], perMessageDeflate: false, serveClient: false });

io.on("connection", (socket) => {
  const room = socket.handshake.query.room;
  socket.join(room);
  socket.on("m", (text) => io.to(room).emit("m", text));
});

http.listen(0, "127.0.0.1", 1024, () => console.log(`listening on http://127.0.0.1:${http.address().port}`));
