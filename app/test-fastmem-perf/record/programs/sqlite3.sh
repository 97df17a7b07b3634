# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The fastmem authors

# what: sqlite3      the SQLite shell on a database in memory: an ordinary C program's malloc

sqlite3_statements()
{
	awk 'BEGIN {
		srand(7)
		print "PRAGMA cache_size = 400;"
		print "CREATE TABLE flow (id INTEGER PRIMARY KEY, name TEXT, note TEXT, port INT);"
		print "CREATE INDEX flow_name ON flow (name);"
		print "CREATE TABLE hit (flow INT, at INT, bytes INT);"
		print "CREATE INDEX hit_flow ON hit (flow, at);"
		print "CREATE TRIGGER flow_gone AFTER DELETE ON flow BEGIN"
		print "  DELETE FROM hit WHERE flow = old.id; END;"
		for (i = 0; i < 300; i++) {
			printf "CREATE TABLE t%d (id INTEGER PRIMARY KEY", i
			for (n = int(rand() * 12); n >= 0; n--)
				printf ", column_%d_%d TEXT DEFAULT \"none\"", i, n
			print ");"
			printf "CREATE INDEX i%d ON t%d (column_%d_0);\n", i, i, i
			printf "CREATE VIEW v%d AS SELECT * FROM t%d WHERE id > 3;\n", i, i
		}
		print "BEGIN;"
		for (i = 1; i <= 3000; i++) {
			note = ""
			for (n = int(rand() * rand() * 60); n >= 0; n--)
				note = note sprintf("%d,", rand() * 100000)
			printf "INSERT INTO flow VALUES (%d, \"flow-%d\", \"%s\", %d);\n",
				i, rand() * 1000000, note, rand() * 65536
			for (n = int(rand() * 4); n > 0; n--)
				printf "INSERT INTO hit VALUES (%d, %d, %d);\n",
					i, rand() * 1000, rand() * 1500
		}
		print "COMMIT;"
		for (i = 0; i < 38; i++) {
			print "SELECT f.name, count(*), sum(h.bytes) FROM flow f JOIN hit h"
			printf " ON h.flow = f.id WHERE f.port > %d GROUP BY f.name", rand() * 60000
			print " HAVING count(*) > 2 ORDER BY 3 DESC LIMIT 20;"
			print "SELECT upper(name) || substr(note, 1, 40) FROM flow"
			printf " WHERE name LIKE \"flow-%d%%\";\n", 10 + rand() * 90
			printf "UPDATE flow SET note = note || hex(zeroblob(%d))", rand() * 3000
			printf " WHERE id = %d;\n", 1 + rand() * 3000
			printf "DELETE FROM flow WHERE id = %d;\n", 1 + rand() * 3000
			print "SELECT json_group_array(json_object(\"n\", name, \"p\", port))"
			printf " FROM (SELECT * FROM flow WHERE id BETWEEN %d AND %d);\n",
				i * 7, i * 7 + rand() * 100
		}
	}' | sed "s/\"/'/g"
}

sqlite3_statements >"$work/statements"
(cd "$work" && record sqlite3 --libc -- sqlite3 -batch -bail :memory: ".read statements")
