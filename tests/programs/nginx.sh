# SPDX-License-Identifier: BSD-2-Clause

# nginx_conf WORKERS LISTEN: ./nginx.conf for a server of ./www that keeps all it writes in the current folder
nginx_conf() {
	mkdir -p www logs
	cat >nginx.conf <<-CONF
		daemon off;
		user root;
		worker_processes $1;
		pid $PWD/nginx.pid;
		error_log $PWD/logs/error.log;
		events { worker_connections 64; }
		http {
			access_log off;
			client_body_temp_path $PWD/t1;
			proxy_temp_path $PWD/t2;
			fastcgi_temp_path $PWD/t3;
			uwsgi_temp_path $PWD/t4;
			scgi_temp_path $PWD/t5;
			server { listen $2; root $PWD/www; }
		}
	CONF
}
