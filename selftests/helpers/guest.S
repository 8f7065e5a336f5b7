/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A guest of one sector: the boot sector of its disk.  It counts its starts in the next sector,
 * through the BIOS, and prints them on the first serial port, in hexadecimal.  What it does
 * then is in byte 508 of the sector:
 *
 *	0	it powers off
 *	1	once a second it prints the count in its memory and that on the disk
 *	2	it writes its disk from 1 MiB to the end, 32 KiB at a time, which begin with the
 *		number of their first sector; prints where the end was, and powers off
 */
	.code16
	.set	ram, 0x8000		/* the count, as read at the start */
	.set	again, 0x8200		/* as read later */
	.set	mode, 0x7dfc
	.globl	_start

_start:	xor	%ax, %ax
	mov	%ax, %ds
	mov	%ax, %es
	mov	%ax, %ss
	mov	$0x7c00, %sp
	mov	%dl, drive
	sti
	mov	$2, %ah
	mov	$ram, %bx
	call	sector
	incw	ram
	mov	$3, %ah
	call	sector
	mov	$t_count, %si
	mov	ram, %ax
	call	show
	cmpb	$1, mode
	je	park
	cmpb	$2, mode
	je	fill

off:	mov	$t_off, %si
	call	print
	mov	$0x604, %dx		/* PM1a_CNT of pc and q35: S5 */
	mov	$0x2000, %ax
	out	%ax, %dx
stop:	hlt
	jmp	stop

park:	mov	0x46c, %cx		/* ticks of the BIOS, 18.2 a second */
1:	hlt
	mov	0x46c, %ax
	sub	%cx, %ax
	cmp	$18, %ax
	jb	1b
	mov	$t_ram, %si
	mov	ram, %ax
	call	show
	mov	$2, %ah
	mov	$again, %bx
	call	sector
	mov	$t_disk, %si
	mov	again, %ax
	call	show
	jmp	park

fill:	mov	$0x1000, %ax
	mov	%ax, %es
	mov	lba, %ax
	mov	%ax, %es:0
	mov	$0x4300, %ax		/* extended write */
	mov	drive, %dl
	mov	$packet, %si
	int	$0x13
	jc	1f
	addw	$64, lba
	testw	$2047, lba
	jnz	fill
	mov	$'.', %al		/* one MiB */
	call	char
	jmp	fill
1:	mov	$t_end, %si
	mov	lba, %ax
	call	show
	jmp	off

/* Read (AH 2) or write (AH 3) sector 1 at ES:BX. */
sector:	mov	$1, %al
	mov	$2, %cx
	mov	$0, %dh
	mov	drive, %dl
	int	$0x13
	jnc	9f
	mov	$t_bad, %si
	call	print
	jmp	stop

/* Print the text at SI, AX and the end of a line. */
show:	push	%ax
	call	print
	pop	%ax
	mov	$4, %cx
1:	rol	$4, %ax
	push	%ax
	and	$15, %al
	cmp	$10, %al
	sbb	$0x69, %al
	das
	call	char
	pop	%ax
	loop	1b
	mov	$t_nl, %si
print:	lodsb
	or	%al, %al
	jz	9f
	call	char
	jmp	print
char:	push	%ax
	mov	$0x3fd, %dx
1:	in	%dx, %al
	test	$0x20, %al
	jz	1b
	pop	%ax
	mov	$0x3f8, %dx
	out	%al, %dx
9:	ret

t_count: .asciz	"count "
t_off:	.asciz	"off\r\n"
t_ram:	.asciz	"ram "
t_disk:	.asciz	"disk "
t_end:	.asciz	"end "
t_bad:	.asciz	"bad\r\n"
t_nl:	.asciz	"\r\n"
drive:	.byte	0
	.balign	4
packet:	.word	16, 64, 0, 0x1000	/* 64 sectors from 1000:0 */
lba:	.quad	2048

	.org	508
	.byte	0, 0			/* mode */
	.word	0xaa55
